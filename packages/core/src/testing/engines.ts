import * as tf from '@tensorflow/tfjs-core'
import { findPlugin } from '@babble/tfjs-backend-xla'
import { loadEngine } from '../engine/index'

/**
 * The engines that a test file runs on: always `cpu`, and `xla` where a plugin is found. `BABBLE_TEST_ENGINES` (comma
 * separated) narrows the choice.
 */
export const enginesUnderTest = (): string[] => {
  const wanted = process.env.BABBLE_TEST_ENGINES?.split(',')
  const found = ['cpu', ...(findPlugin({ device: 'auto' }) ? ['xla'] : [])]
  return wanted ? found.filter((name) => wanted.includes(name)) : found
}

/** Selects the engine for the tests that follow. */
export const useEngine = async (name: string): Promise<void> => {
  await loadEngine({ backend: name as 'cpu' | 'xla', quiet: true })
  await tf.ready()
}
