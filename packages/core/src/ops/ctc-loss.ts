import * as tf from '@tensorflow/tfjs-core'
import { ctcOnHost } from './ctc-host'

const CTC_LOSS = 'CtcLoss'

export interface CtcLossOptions {
  /** The label that stands for "no label". */
  readonly blankId: number
  /** Targets that cannot be emitted in the frames at hand contribute 0, not infinity. Default false. */
  readonly zeroInfinity?: boolean
}

for (const backendName of ['cpu', 'wasm', 'tensorflow']) {
  tf.registerKernel({
    kernelName: CTC_LOSS,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const storage = backend as tf.KernelBackend
      const read = (name: string) => storage.readSync((inputs[name] as tf.TensorInfo).dataId) as Float32Array
      const { shape } = inputs.logProbs as tf.TensorInfo
      const [batch, time, vocabulary] = shape as [number, number, number]
      const { losses, gradient } = ctcOnHost({
        logProbs: read('logProbs'),
        targets: read('targets'),
        inputLengths: read('inputLengths'),
        targetLengths: read('targetLengths'),
        batch,
        time,
        vocabulary,
        maxTarget: (inputs.targets as tf.TensorInfo).shape[1]!,
        blankId: (attrs as unknown as { blankId: number }).blankId,
      })
      return [
        { dataId: storage.write(losses, [batch], 'float32'), shape: [batch], dtype: 'float32' },
        { dataId: storage.write(gradient, shape, 'float32'), shape, dtype: 'float32' },
      ]
    },
  })
}

/**
 * Connectionist temporal classification (Graves et al. 2006): minus the log probability of the targets, summed over all
 * alignments.
 *
 * The kernel works out the gradient together with the loss. An utterance whose target does not fit its frames has an infinite
 * loss (0 with `zeroInfinity`) and a zero gradient.
 *
 * @param logProbs Log probabilities [batch, time, vocabulary]
 * @param targets int32 [batch, maxTarget]; what lies beyond an utterance's length is ignored
 * @param inputLengths int32 [batch], in frames
 * @param targetLengths int32 [batch]
 * @returns Losses [batch], not divided by anything
 */
export const ctcLoss = (
  logProbs: tf.Tensor3D,
  targets: tf.Tensor2D,
  inputLengths: tf.Tensor1D,
  targetLengths: tf.Tensor1D,
  options: CtcLossOptions,
): tf.Tensor1D => {
  const { blankId, zeroInfinity = false } = options
  const vocabulary = logProbs.shape[2]
  if (!(Number.isInteger(blankId) && blankId >= 0 && blankId < vocabulary)) {
    throw new RangeError(`ctcLoss: blankId ${blankId} is not one of the ${vocabulary} labels.`)
  }
  const compute = tf.customGrad((input, save) => {
    const [losses, gradient] = tf
      .engine()
      .runKernel(
        CTC_LOSS,
        { logProbs: input as tf.Tensor, targets, inputLengths, targetLengths },
        { blankId },
      ) as tf.Tensor[]
    ;(save as tf.GradSaveFunc)([gradient!])
    return {
      value: zeroInfinity ? tf.where(tf.isInf(losses!), tf.zerosLike(losses!), losses!) : losses!,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(tf.reshape(dy, [-1, 1, 1]), saved[0]!),
    }
  })
  return compute(logProbs) as tf.Tensor1D
}
