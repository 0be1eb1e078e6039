import * as tf from '@tensorflow/tfjs-core'

/** The same values, seen as a constant by differentiation. Costs nothing: the memory is shared. */
export const stopGradient = <T extends tf.Tensor>(x: T): T => {
  const engine = tf.engine()
  engine.backend.incRef(x.dataId)
  // A tensor object of its own is not on the gradient tape.
  return engine.makeTensorFromTensorInfo({ dataId: x.dataId, shape: x.shape, dtype: x.dtype }) as T
}
