import { findPlugin } from '@babble/tfjs-backend-xla'
import * as tf from '@tensorflow/tfjs-core'
import { type EngineChoice, loadEngine } from '../engine/index'

/**
 * The engines that a test file runs on: `wasm`, the portable fallback, and `xla` where a plugin is found.
 * `BABBLE_TEST_ENGINES` (comma separated) names others, for example `cpu`, or `tensorflow` once `babble-engine build tfjs-node`
 * has built it.
 */
export const enginesUnderTest = (): string[] => {
  const wanted = process.env.BABBLE_TEST_ENGINES?.split(',')
  return wanted ?? ['wasm', ...(findPlugin({ device: 'auto' }) ? ['xla'] : [])]
}

/** Selects the engine for the tests that follow. */
export const useEngine = async (name: string): Promise<void> => {
  await loadEngine({ backend: name as EngineChoice, quiet: true })
  await tf.ready()
}
