import { backend_util, util } from '@tensorflow/tfjs-core'
import { sizeOf } from '../graph/types'
import { defineXlaKernel } from './define'

/** Kernels that move blocks between batch, space and channels: reshapes and one transpose each. */
export const registerSpace = (): void => {
  defineXlaKernel<{ blockShape: number[]; paddings: [number, number][] }>(
    'SpaceToBatchND',
    ({ h, inputs, attrs: { blockShape, paddings } }) => {
      const x = inputs.x!
      const all = x.type.shape.map((_, i): [number, number] => paddings[i - 1] ?? [0, 0])
      const padded = h.pad(
        x,
        h.constant(0, x.type.element),
        all.map(([low]) => low),
        all.map(([, high]) => high),
      )
      const size = sizeOf(blockShape)
      const shape = [...padded.type.shape]
      const blocks = h.reshape(padded, backend_util.getReshaped(shape, blockShape, size, false))
      const moved = h.transpose(blocks, backend_util.getPermuted(blocks.type.shape.length, blockShape.length, false))
      return h.reshape(moved, backend_util.getReshapedPermuted(shape, blockShape, size, false))
    },
  )
  defineXlaKernel<{ blockShape: number[]; crops: [number, number][] }>(
    'BatchToSpaceND',
    ({ h, inputs, attrs: { blockShape, crops } }) => {
      const shape = [...inputs.x!.type.shape]
      const size = sizeOf(blockShape)
      const blocks = h.reshape(inputs.x!, backend_util.getReshaped(shape, blockShape, size))
      const moved = h.transpose(blocks, backend_util.getPermuted(blocks.type.shape.length, blockShape.length))
      const whole = h.reshape(moved, backend_util.getReshapedPermuted(shape, blockShape, size))
      const begin = backend_util.getSliceBeginCoords(crops, blockShape.length)
      const length = backend_util.getSliceSize(whole.type.shape as number[], crops, blockShape.length)
      const from = whole.type.shape.map((_, i) => begin[i] ?? 0)
      return h.slice(
        whole,
        from,
        whole.type.shape.map((n, i) => from[i]! + (length[i] ?? n)),
      )
    },
  )
  defineXlaKernel<{ blockSize: number; dataFormat: 'NHWC' | 'NCHW' }>(
    'DepthToSpace',
    ({ h, inputs, attrs: { blockSize: block, dataFormat } }) => {
      const shape = inputs.x!.type.shape as [number, number, number, number]
      util.assert(block > 1, () => `blockSize should be > 1 for depthToSpace, but was: ${block}`)
      if (dataFormat === 'NCHW') {
        const [batch, depth, height, width] = shape
        const channels = depth / (block * block)
        const split = h.reshape(inputs.x!, [batch, block, block, channels, height, width])
        const moved = h.transpose(split, [0, 3, 4, 1, 5, 2])
        return h.reshape(moved, [batch, channels, height * block, width * block])
      }
      const [batch, height, width, depth] = shape
      const channels = depth / (block * block)
      const split = h.reshape(inputs.x!, [batch, height, width, block, block, channels])
      const moved = h.transpose(split, [0, 1, 3, 2, 4, 5])
      return h.reshape(moved, [batch, height * block, width * block, channels])
    },
  )
}
