import * as tf from '@tensorflow/tfjs-core'

interface FilterGradientAttributes {
  readonly strides: [number, number] | number
  readonly pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding
  readonly dataFormat: 'NHWC' | 'NCHW'
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil'
  readonly filterShape: [number, number, number, number]
}

/** Adds dy's share of one output position to the gradient of one tap of the filter, [inChannels, outChannels]. */
const addOuterProduct = (
  into: Float32Array,
  at: number,
  x: Float32Array,
  xAt: number,
  dy: Float32Array,
  dyAt: number,
  [inChannels, outChannels]: readonly [number, number],
): void => {
  for (let i = 0; i < inChannels; i++) {
    const value = x[xAt + i]!
    for (let o = 0; o < outChannels; o++) into[at + i * outChannels + o]! += value * dy[dyAt + o]!
  }
}

/** The filter's gradient of a channels-last convolution, tap by tap on the host. */
const filterGradient = (x: Float32Array, dy: Float32Array, info: tf.backend_util.Conv2DInfo): Float32Array => {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, filterHeight, filterWidth } = info
  const { strideHeight, strideWidth, padInfo } = info
  const gradient = new Float32Array(filterHeight * filterWidth * inChannels * outChannels)
  const channels = [inChannels, outChannels] as const
  for (let b = 0; b < batchSize; b++) {
    for (let row = 0; row < outHeight; row++) {
      for (let kernelRow = 0; kernelRow < filterHeight; kernelRow++) {
        const y = row * strideHeight - padInfo.top + kernelRow
        if (y < 0 || y >= inHeight) continue
        for (let column = 0; column < outWidth; column++) {
          const dyAt = ((b * outHeight + row) * outWidth + column) * outChannels
          for (let kernelColumn = 0; kernelColumn < filterWidth; kernelColumn++) {
            const z = column * strideWidth - padInfo.left + kernelColumn
            if (z < 0 || z >= inWidth) continue
            const tap = (kernelRow * filterWidth + kernelColumn) * inChannels * outChannels
            addOuterProduct(gradient, tap, x, ((b * inHeight + y) * inWidth + z) * inChannels, dy, dyAt, channels)
          }
        }
      }
    }
  }
  return gradient
}

/** Adds the filter's gradient of a two-dimensional convolution, which TensorFlow.js's `wasm` backend lacks. */
export const registerWasmConvolutionGradient = (): void => {
  tf.registerKernel({
    kernelName: 'Conv2DBackpropFilter',
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const storage = backend as tf.KernelBackend
      const [x, dy] = [inputs.x, inputs.dy] as [tf.TensorInfo, tf.TensorInfo]
      const { filterShape, strides, pad, dimRoundingMode } = attrs as unknown as FilterGradientAttributes
      const shape = x.shape as [number, number, number, number]
      const info = tf.backend_util.computeConv2DInfo(shape, filterShape, strides, 1, pad, dimRoundingMode)
      const read = (t: tf.TensorInfo) => storage.readSync(t.dataId) as Float32Array
      const gradient = filterGradient(read(x), read(dy), info)
      return { dataId: storage.write(gradient, filterShape, 'float32'), shape: filterShape, dtype: 'float32' }
    },
  })
}
