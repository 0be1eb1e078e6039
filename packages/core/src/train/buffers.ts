import * as tf from '@tensorflow/tfjs-core'

/**
 * What a model's buffers (a batch norm's running statistics, a teacher's weights) held before a step, so that an update that is refused
 * leaves them alone too.
 */
export class BufferGuard {
  readonly #before: readonly { readonly dataId: object; readonly value: tf.Tensor }[]

  /** @param before Their values before the step. Default: what they hold now, as part of the function that is being compiled. */
  constructor(
    private readonly buffers: readonly tf.Variable[],
    before?: readonly tf.Tensor[],
  ) {
    this.#before = buffers.map((buffer, index) => {
      const value = before?.[index] ?? tf.clone(buffer)
      return { dataId: value.dataId, value }
    })
  }

  /** Puts those that have changed back where `accept` (a bool scalar) is false. */
  settle(accept: tf.Scalar): void {
    this.buffers.forEach((buffer, index) => {
      const { dataId, value } = this.#before[index]!
      if (buffer.dataId !== dataId) tf.tidy(() => buffer.assign(tf.where(accept, buffer, value)))
    })
  }
}
