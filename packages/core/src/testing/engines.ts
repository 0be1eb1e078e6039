import { findPlugin } from '@babble/tfjs-backend-xla'
import * as tf from '@tensorflow/tfjs-core'
import { type EngineName, loadEngine } from '../engine/index'

/**
 * The engines that a test file runs on: `wasm`, the portable fallback, and `xla` where a plugin is found.
 * `BABBLE_TEST_ENGINES` (comma separated) names others, for example `cpu`.
 */
export const enginesUnderTest = (): string[] => {
  const wanted = process.env.BABBLE_TEST_ENGINES?.split(',')
  return wanted ?? ['wasm', ...(findPlugin({ device: 'auto' }) ? ['xla'] : [])]
}

/** Selects the engine for the tests that follow. */
export const useEngine = async (name: string): Promise<void> => {
  await loadEngine({ backend: name as EngineName, quiet: true })
  await tf.ready()
}
