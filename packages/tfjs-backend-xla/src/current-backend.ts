import { engine } from '@tensorflow/tfjs-core'
import type { XlaBackend } from './backend'

/** TensorFlow.js's current backend, if it is the one that records programs. */
export const currentXlaBackend = (): XlaBackend | undefined => {
  const { backend } = engine()
  return typeof (backend as { flush?: unknown } | null)?.flush === 'function' ? (backend as XlaBackend) : undefined
}
