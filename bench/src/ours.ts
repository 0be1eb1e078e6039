/**
 * The Babble side of the step benchmark: builds the model of a file of `bench/configs`, and obeys the protocol of `Contestant`.
 *
 * Usage: node dist/ours.js <configuration file>
 */
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { Initializer, loadEngine, rngKeyValues, TrainStep } from '@babble/core'
import { readWav2Vec2Config, Wav2Vec2ForPreTraining, Wav2Vec2PretrainingObjective } from '@babble/wav2vec2'
import { makeBatches } from './batches'
import type { Introduction, StepTiming } from './contestant'
import { readSpecification } from './specification'

const say = (record: Introduction | StepTiming): void => console.log(JSON.stringify(record))

const configPath = process.argv[2]
if (!configPath) throw new Error('Usage: node dist/ours.js <configuration file>')
const specification = await readSpecification(configPath)
const { training } = specification

const engine = await loadEngine({ backend: 'xla', device: 'cpu', quiet: true })
const config = readWav2Vec2Config(specification.model, configPath)
const model = new Wav2Vec2ForPreTraining(config, new Initializer(0))
const step = new TrainStep({
  parameters: [...model.namedParameters()].map(([name, variable]) => ({ name, variable, group: 0 })),
  objective: new Wav2Vec2PretrainingObjective(model, {
    gumbelTemperature: { start: training.gumbelTemperature, end: training.gumbelTemperature, decay: 1 },
    featureGradMult: 1,
    featurePenaltyWeight: 0,
  }),
  optimizer: {
    learningRate: training.learningRate,
    betas: training.betas,
    eps: training.eps,
    weightDecay: training.weightDecay,
  },
  clipNorm: training.clipNorm,
  accumulate: 1,
})
const batches = await makeBatches(config, specification)

/** One step, until its loss is on the host and with it the update is done. */
const run = async (number: number): Promise<StepTiming> => {
  const keys = [rngKeyValues(0, 'step', number)]
  const started = performance.now()
  const metrics = step.run([batches[number % batches.length]!], {
    step: number + 1,
    learningRates: [training.learningRate],
    activeGroups: [0],
    keys,
  })
  const loss = (await metrics.data())[step.metricNames.indexOf('loss')]!
  const seconds = (performance.now() - started) / 1000
  metrics.dispose()
  return { seconds, loss, peakRssBytes: process.resourceUsage().maxRSS * 1024 }
}

say({
  ready: true,
  name: `Babble, ${engine.description}`,
  threads: Number(process.env.NPROC) || availableParallelism(),
  parameters: model.parameterCount(),
})
let done = 0
for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue
  const { steps } = JSON.parse(line) as { steps: number }
  for (let i = 0; i < steps; i++) say(await run(done++))
}
