import process from 'node:process'
import { PluginNotFoundError } from '@babble/tfjs-backend-xla'
import * as tf from '@tensorflow/tfjs-core'
import { EngineMissingError } from '../errors'
import { loadEngine } from '../load-engine'
import { type EngineFinding, isProbedEngine, type ProbedEngine } from './report'
import { measureEngine } from './speed'

/** Loads an engine in this process and measures it. */
export const probeEngine = async (engine: ProbedEngine, seconds: number): Promise<EngineFinding> => {
  const started = performance.now()
  try {
    const { description, device } = await loadEngine({ backend: engine, quiet: true })
    tf.tidy(() => tf.add(tf.ones([2]), 1).dataSync())
    const startMs = performance.now() - started
    const speed = seconds > 0 ? { speed: await measureEngine(seconds) } : {}
    return { engine, status: 'works', description, device, startMs, ...speed }
  } catch (error) {
    // `loadEngine` wraps what the engine itself said.
    const [cause = error] = [(error as Error).cause].flat()
    const message = cause instanceof Error ? cause.message : String(cause)
    const absent = cause instanceof EngineMissingError || cause instanceof PluginNotFoundError
    return { engine, status: absent ? 'absent' : 'unusable', error: message }
  }
}

/** The child's side of the doctor: tries the engine named and sends the finding to the parent. */
export const answerProbe = async ([engine = '', seconds = '0']: readonly string[]): Promise<void> => {
  if (!isProbedEngine(engine)) throw new Error(`there is no engine '${engine}' to try`)
  const finding = await probeEngine(engine, Number(seconds))
  await new Promise((sent) => process.send!(finding, sent))
  // Engines keep threads of their own.
  process.exit(0)
}
