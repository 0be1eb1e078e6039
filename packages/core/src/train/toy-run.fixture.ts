/** A training run in a process of its own, to be killed: `toy-run.fixture.ts <engine> <run directory> <steps>`. */
import { loadEngine } from '../engine/index'
import { constantSchedule } from './schedules'
import { ToyModel, toyData, toyObjective } from './toy.fixture'
import { Trainer } from './trainer'
import type { TrainerOptions } from './trainer-options'

const [backend, runDirectory, steps] = process.argv.slice(2) as ['cpu' | 'xla', string, string]
await loadEngine({ backend, quiet: true })
const model = new ToyModel(512)
const trainer = new Trainer({
  model,
  objective: toyObjective(model, { dropout: 0.2 }) as TrainerOptions['objective'],
  data: toyData(),
  maxSteps: Number(steps),
  optimizer: { learningRate: 0.003 },
  schedule: constantSchedule({ warmupSteps: 10 }),
  clipNorm: 1,
  seed: 11,
  runDirectory,
  checkpointEvery: 2,
  keepLast: 2,
  logEvery: 3,
  evaluateEvery: 7,
  evaluate: async (step) => ({ step }),
  handleSignals: true,
  onProgress: Object.assign(({ step }: { step: number }) => console.log(`step ${step}`), {
    note: (text: string) => console.log(text),
  }),
})
const { status, step } = await trainer.run()
console.log(`${status} at ${step}`)
