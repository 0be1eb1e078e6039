import * as tf from '@tensorflow/tfjs-core'
import { registerWasmConvolutionGradient } from './wasm-convolution'

/** Adds the kernels that training needs and TensorFlow.js's `wasm` backend lacks; they run on the host. */
export const completeWasmKernels = (): void => {
  if (tf.getKernel('UnsortedSegmentSum', 'wasm')) return
  registerWasmConvolutionGradient()
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const storage = backend as tf.KernelBackend
      const { numSegments } = attrs as unknown as { numSegments: number }
      const [x, segmentIds] = [inputs.x, inputs.segmentIds] as [tf.TensorInfo, tf.TensorInfo]
      const values = storage.readSync(x.dataId) as Float32Array
      const ids = storage.readSync(segmentIds.dataId) as Int32Array
      const shape = [numSegments, ...x.shape.slice(segmentIds.shape.length)]
      const width = tf.util.sizeFromShape(shape.slice(1))
      const sums = new Float32Array(numSegments * width)
      for (let i = 0; i < ids.length; i++) {
        const segment = ids[i]!
        if (segment < 0 || segment >= numSegments) continue
        for (let j = 0; j < width; j++) sums[segment * width + j]! += values[i * width + j]!
      }
      return { dataId: storage.write(sums, shape, 'float32'), shape, dtype: 'float32' }
    },
  })
}
