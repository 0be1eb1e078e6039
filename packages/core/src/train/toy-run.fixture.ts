/**
 * A training run in a process of its own, to be killed: `toy-run.fixture.ts <engine> <run directory> <steps> [<slow writes>]`. With slow
 * writes each file operation of a checkpoint takes that many milliseconds, and data arrives in pieces.
 */
import files, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadEngine } from '../engine/index'
import { constantSchedule } from './schedules'
import { ToyModel, toyData, toyObjective } from './toy.fixture'
import { Trainer } from './trainer'
import type { TrainerOptions } from './trainer-options'

const [backend, runDirectory, steps, slow = '0'] = process.argv.slice(2) as ['cpu' | 'xla', string, string, string?]

/** Makes writing slow and piecemeal, so that a kill finds it half done. */
const slowDown = async (milliseconds: number): Promise<void> => {
  const { open, rename, mkdir } = files
  const probe = await open(process.execPath)
  const prototype = Object.getPrototypeOf(probe) as FileHandle
  await probe.close()
  const { sync } = prototype
  const write = prototype.write as (
    data: Uint8Array,
    offset: number,
    length: number,
  ) => Promise<{ bytesWritten: number }>
  const piecemeal = async function (this: FileHandle, buffer: Uint8Array, offset: number, length: number) {
    let written = 0
    const piece = Math.max(1, Math.ceil(length / 3))
    while (written < length) {
      await sleep(milliseconds)
      const count = Math.min(piece, length - written)
      written += (await write.call(this, buffer, offset + written, count)).bytesWritten
    }
    return { bytesWritten: written, buffer }
  }
  Object.assign(prototype, {
    write: piecemeal,
    sync: async function (this: FileHandle) {
      await sleep(milliseconds)
      await sync.call(this)
    },
  })
  Object.assign(files, {
    mkdir: async (...args: Parameters<typeof mkdir>) => {
      if (/checkpoint-\d+\..*partial$/.test(String(args[0]))) console.log('writing')
      return mkdir(...args)
    },
    rename: async (from: string, to: string) => {
      await sleep(milliseconds)
      await rename(from, to)
      await sleep(milliseconds)
    },
  })
  syncBuiltinESMExports()
}
if (Number(slow) > 0) await slowDown(Number(slow))

await loadEngine({ backend, quiet: true })
const model = new ToyModel(512)
const trainer = new Trainer({
  model,
  objective: toyObjective(model, { dropout: 0.2, draws: true }) as TrainerOptions['objective'],
  data: toyData(),
  maxSteps: Number(steps),
  optimizer: { learningRate: 0.003 },
  schedule: constantSchedule({ warmupSteps: 10 }),
  clipNorm: 1,
  accumulate: 2,
  weightAverage: { decay: 0.95 },
  seed: 11,
  runDirectory,
  checkpointEvery: 2,
  keepLast: 2,
  logEvery: 1,
  evaluateEvery: 7,
  // A best that comes and goes: the model's own numbers decide.
  evaluate: async () => ({ sum: model.values().reduce((sum, value) => sum + value, 0) }),
  keepBest: { metric: 'sum', count: 2 },
  handleSignals: true,
  onProgress: Object.assign(({ step }: { step: number }) => console.log(`step ${step}`), {
    note: (text: string) => console.log(text),
  }),
})
const { status, step } = await trainer.run()
console.log(`${status} at ${step}`)
