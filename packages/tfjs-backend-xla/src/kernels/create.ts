import type { TensorInfo } from '@tensorflow/tfjs-core'
import { registerKernel } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../backend'
import { elementOf, sizeOf } from '../graph/types'
import { defineXlaKernel } from './define'

export const registerCreate = (): void => {
  registerKernel({
    kernelName: 'Fill',
    backendName: 'xla',
    kernelFunc: ({ attrs, backend }) => {
      const { shape, value, dtype } = attrs as unknown as { shape: number[]; value: number; dtype?: string }
      const xla = backend as XlaBackend
      return xla.makeOutput(xla.hlo.constant(value, elementOf(dtype ?? 'float32'), shape))
    },
  })
  for (const [name, value] of [
    ['ZerosLike', 0],
    ['OnesLike', 1],
  ] as const) {
    defineXlaKernel(name, ({ h, inputs }) => h.constant(value, inputs.x!.type.element, inputs.x!.type.shape))
  }
  registerKernel({
    kernelName: 'Range',
    backendName: 'xla',
    kernelFunc: ({ attrs, backend }): TensorInfo => {
      const {
        start,
        stop,
        step: given,
        dtype,
      } = attrs as unknown as { start: number; stop: number; step: number; dtype: string }
      const step = stop < start && given === 1 ? -1 : given
      const xla = backend as XlaBackend
      const element = elementOf(dtype)
      const count =
        start === stop || (start < stop && step < 0) || (stop < start && step > 1)
          ? 0
          : Math.abs(Math.ceil((stop - start) / step))
      const { hlo: h } = xla
      const index = h.iota([count], 0, element)
      return xla.makeOutput(h.add(h.mul(index, h.constant(step, element)), h.constant(start, element)))
    },
  })
  registerKernel({
    kernelName: 'LinSpace',
    backendName: 'xla',
    kernelFunc: ({ attrs, backend }): TensorInfo => {
      const { start, stop, num } = attrs as unknown as { start: number; stop: number; num: number }
      const { hlo: h } = backend as XlaBackend
      const step = num > 1 ? (stop - start) / (num - 1) : 0
      return (backend as XlaBackend).makeOutput(
        h.add(h.mul(h.iota([num], 0, 'f32'), h.constant(step)), h.constant(start)),
      )
    },
  })
  defineXlaKernel<{ depth: number; onValue: number; offValue: number; dtype: string }>(
    'OneHot',
    ({ h, inputs, attrs }) => {
      const { shape } = inputs.indices!.type
      const full = [...shape, attrs.depth]
      const classes = h.iota(full, shape.length)
      const hit = h.compare('EQ', classes, h.broadcastInDim(h.convert(inputs.indices!, 'i32'), full, [...shape.keys()]))
      const element = elementOf(attrs.dtype ?? 'float32')
      return h.select(hit, h.constant(attrs.onValue, element), h.constant(attrs.offValue, element))
    },
  )
  defineXlaKernel('Diag', ({ h, inputs }) => {
    const { shape, element } = inputs.x!.type
    const n = sizeOf(shape)
    const square = [n, n]
    const onDiagonal = h.compare('EQ', h.iota(square, 0), h.iota(square, 1))
    const rows = h.broadcastInDim(h.reshape(inputs.x!, [n]), square, [0])
    return h.reshape(h.select(onDiagonal, rows, h.constant(0, element)), [...shape, ...shape])
  })
}
