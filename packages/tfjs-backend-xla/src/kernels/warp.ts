import { backend_util } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { sizeOf } from '../graph/types'
import { defineXlaKernel } from './define'

/**
 * Kernels that read an image [batch, height, width, channels] at computed places. Places are worked out in float64, as
 * TensorFlow.js does it: in float32 those that fall on the last row or on a half would come out on the other side of it.
 */

type Interpolation = 'bilinear' | 'nearest'

const floor = (h: Hlo, x: Node): Node => h.unary('stablehlo.floor', x)
const f64 = (h: Hlo, value: number): Node => h.constant(value, 'f64')

/** The nearest whole number; halves go up, as in `Math.round`. */
const round = (h: Hlo, x: Node): Node => floor(h, h.add(x, f64(h, 0.5)))

const clamp = (h: Hlo, x: Node, length: number): Node => h.min(h.max(x, f64(h, 0)), f64(h, length - 1))

/** Whether whole places lie on an axis of `length` elements. */
const onAxis = (h: Hlo, x: Node, length: number): Node =>
  h.binary('and', h.compare('GE', x, f64(h, 0)), h.compare('LE', x, f64(h, length - 1)))

/** Pixels of `image` at whole places, moved onto the image where they are not; [...places, channels]. */
const pixels = (h: Hlo, image: Node, batch: Node, y: Node, x: Node): Node => {
  const [count, height, width, channels] = image.type.shape as [number, number, number, number]
  const row = h.add(h.mul(batch, h.constant(height, 'i32')), h.convert(clamp(h, y, height), 'i32'))
  const at = h.add(h.mul(row, h.constant(width, 'i32')), h.convert(clamp(h, x, width), 'i32'))
  return h.take(h.reshape(image, [count * height * width, channels]), at, 0)
}

/** Puts a value of every place beside its channels. */
const perPixel = (h: Hlo, x: Node): Node => h.reshape(x, [...x.type.shape, 1])

/** Places along one axis of the image, [boxes, outputs]: `from` to `to` (fractions of the axis) in equal steps. */
const cropPlaces = (h: Hlo, from: Node, to: Node, input: number, output: number): Node => {
  const last = f64(h, input - 1)
  const shape = [from.type.shape[0]!, output]
  if (output === 1) return h.mul(h.mul(f64(h, 0.5), h.add(from, to)), last)
  const step = h.div(h.mul(h.sub(to, from), last), f64(h, output - 1))
  return h.add(h.mul(from, last), h.mul(h.iota(shape, 1, 'f64'), step))
}

interface CropAttributes {
  readonly cropSize: [number, number]
  readonly method: Interpolation
  readonly extrapolationValue: number
}

const cropAndResize = (h: Hlo, image: Node, boxes: Node, boxIndices: Node, attrs: CropAttributes): Node => {
  const [batch, height, width] = image.type.shape as [number, number, number, number]
  const [rows, columns] = attrs.cropSize
  const count = boxes.type.shape[0]!
  const shape = [count, rows, columns]
  const corners = h.convert(boxes, 'f64')
  const corner = (i: number): Node => h.slice(corners, [0, i], [count, i + 1])
  const y = h.broadcastInDim(cropPlaces(h, corner(0), corner(2), height, rows), shape, [0, 1])
  const x = h.broadcastInDim(cropPlaces(h, corner(1), corner(3), width, columns), shape, [0, 2])
  const box = h.broadcastInDim(h.convert(boxIndices, 'i32'), shape, [0])
  const at = (row: Node, column: Node): Node => pixels(h, image, box, row, column)
  const crop = (): Node => {
    if (attrs.method === 'nearest') return at(round(h, y), round(h, x))
    const [top, left] = [floor(h, y), floor(h, x)]
    const [bottom, right] = [h.unary('stablehlo.ceil', y), h.unary('stablehlo.ceil', x)]
    const lerp = (a: Node, b: Node, weight: Node): Node => h.add(a, h.mul(h.sub(b, a), weight))
    const across = perPixel(h, h.convert(h.sub(x, left), 'f32'))
    const down = perPixel(h, h.convert(h.sub(y, top), 'f32'))
    return lerp(lerp(at(top, left), at(top, right), across), lerp(at(bottom, left), at(bottom, right), across), down)
  }
  const inside = h.binary('and', onAxis(h, y, height), onAxis(h, x, width))
  const values = h.select(perPixel(h, inside), crop(), h.constant(attrs.extrapolationValue))
  // A box of an image that there is not stays empty.
  return h.select(perPixel(h, h.compare('LT', box, h.constant(batch, 'i32'))), values, h.constant(0))
}

type FillMode = 'constant' | 'reflect' | 'wrap' | 'nearest'

/** Brings places that lie off an axis back onto it. */
const fold = (h: Hlo, at: Node, length: number, mode: FillMode): Node => {
  if (mode === 'constant') return at
  if (mode === 'nearest') return clamp(h, at, length)
  if (length <= 1) return h.constant(0, 'f64', at.type.shape)
  const turns = (x: Node, period: number): Node => floor(h, h.div(x, f64(h, period)))
  const under = h.compare('LT', at, f64(h, 0))
  const over = h.compare('GT', at, f64(h, length - 1))
  let [low, high]: [Node, Node] = [at, at]
  if (mode === 'reflect') {
    const period = 2 * length
    const raised = h.add(at, h.mul(f64(h, period), turns(h.neg(at), period)))
    const mirrored = h.sub(h.neg(raised), f64(h, 1))
    low = h.select(h.compare('LT', raised, f64(h, -length)), h.add(raised, f64(h, period)), mirrored)
    const lowered = h.sub(at, h.mul(f64(h, period), turns(at, period)))
    high = h.select(h.compare('GE', lowered, f64(h, length)), h.sub(f64(h, period - 1), lowered), lowered)
  } else {
    low = h.add(at, h.mul(f64(h, length), h.add(turns(h.neg(at), length - 1), f64(h, 1))))
    high = h.sub(at, h.mul(f64(h, length), turns(at, length - 1)))
  }
  return clamp(h, h.select(under, low, h.select(over, high, at)), length)
}

interface TransformAttributes {
  readonly interpolation: Interpolation
  readonly fillMode: FillMode
  readonly fillValue: number
  readonly outputShape?: [number, number]
}

/** Projective transform: pixel (x, y) of the result is read at (a0 x + a1 y + a2, a3 x + a4 y + a5) / (a6 x + a7 y + 1). */
const transform = (h: Hlo, image: Node, transforms: Node, attrs: TransformAttributes): Node => {
  const [batch, height, width] = image.type.shape as [number, number, number, number]
  const [rows, columns] = attrs.outputShape ?? [height, width]
  const shape = [batch, rows, columns]
  const count = transforms.type.shape[0]!
  const matrix = h.convert(transforms, 'f64')
  const entry = (i: number): Node => h.reshape(h.slice(matrix, [0, i], [count, i + 1]), [count, 1, 1])
  const [outY, outX] = [h.iota(shape, 1, 'f64'), h.iota(shape, 2, 'f64')]
  const affine = (a: number, b: number, offset: Node): Node =>
    h.add(h.add(h.mul(entry(a), outX), h.mul(entry(b), outY)), offset)
  const projection = affine(6, 7, f64(h, 1))
  const x = fold(h, h.div(affine(0, 1, entry(2)), projection), width, attrs.fillMode)
  const y = fold(h, h.div(affine(3, 4, entry(5)), projection), height, attrs.fillMode)
  const fill = h.constant(attrs.fillValue, 'f32')
  const at = (row: Node, column: Node): Node => {
    const inside = h.binary('and', onAxis(h, row, height), onAxis(h, column, width))
    const value = pixels(h, h.convert(image, 'f32'), h.iota(shape, 0), row, column)
    return h.select(perPixel(h, inside), value, fill)
  }
  const sample = (): Node => {
    if (attrs.interpolation === 'nearest') return at(round(h, y), round(h, x))
    const [top, left] = [floor(h, y), floor(h, x)]
    const [bottom, right] = [h.add(top, f64(h, 1)), h.add(left, f64(h, 1))]
    const weight = (a: Node, b: Node): Node => perPixel(h, h.convert(h.sub(a, b), 'f32'))
    const row = (of: Node): Node => h.add(h.mul(weight(right, x), at(of, left)), h.mul(weight(x, left), at(of, right)))
    return h.add(h.mul(weight(bottom, y), row(top)), h.mul(weight(y, top), row(bottom)))
  }
  // Infinitely far away there is no image.
  const finite = perPixel(h, h.compare('NE', projection, f64(h, 0)))
  return h.convert(h.select(finite, sample(), fill), image.type.element)
}

interface RotateAttributes {
  readonly radians: number
  readonly fillValue: number | [number, number, number]
  readonly center: number | [number, number]
}

const rotate = (h: Hlo, image: Node, { radians, fillValue, center }: RotateAttributes): Node => {
  const [batch, height, width, channels] = image.type.shape as [number, number, number, number]
  const [centerX, centerY] = backend_util.getImageCenter(center, height, width)
  const [sin, cos] = [Math.sin(radians), Math.cos(radians)]
  const shape = [height, width]
  // Products are taken on the host, where they round alike everywhere: quarter turns put places on halves.
  const alongX = (factor: number): Node =>
    h.literal(
      Float64Array.from({ length: width }, (_, x) => (x - centerX) * factor),
      'f64',
      [1, width],
    )
  const alongY = (factor: number): Node =>
    h.literal(
      Float64Array.from({ length: height }, (_, y) => (y - centerY) * factor),
      'f64',
      [height, 1],
    )
  const x = round(h, h.add(h.sub(alongX(cos), alongY(sin)), f64(h, centerX)))
  const y = round(h, h.add(h.add(alongX(sin), alongY(cos)), f64(h, centerY)))
  const index = (at: Node, length: number): Node => h.convert(clamp(h, at, length), 'i32')
  const places = h.add(h.mul(index(y, height), h.constant(width, 'i32')), index(x, width))
  const rotated = h.take(h.reshape(image, [batch, height * width, channels]), places, 1)
  const inside = h.binary('and', onAxis(h, x, width), onAxis(h, y, height))
  const { element } = image.type
  const fill =
    typeof fillValue === 'number'
      ? h.constant(fillValue, element)
      : h.literal(
          Float32Array.from({ length: channels }, (_, i) => (i === 3 ? 255 : (fillValue[i] ?? 0))),
          element,
          [channels],
        )
  return h.select(h.reshape(inside, [...shape, 1]), rotated, fill)
}

export const registerWarp = (): void => {
  defineXlaKernel<CropAttributes>('CropAndResize', ({ h, inputs, attrs }) => {
    const image = h.convert(inputs.image!, 'f32')
    const shape = [inputs.boxes!.type.shape[0]!, ...attrs.cropSize, image.type.shape[3]!]
    return sizeOf(shape) === 0
      ? h.constant(0, 'f32', shape)
      : cropAndResize(h, image, inputs.boxes!, inputs.boxInd!, attrs)
  })
  defineXlaKernel<TransformAttributes>('Transform', ({ h, inputs, attrs }) =>
    transform(h, inputs.image!, inputs.transforms!, attrs),
  )
  defineXlaKernel<RotateAttributes>('RotateWithOffset', ({ h, inputs, attrs }) => rotate(h, inputs.image!, attrs))
  defineXlaKernel('FlipLeftRight', ({ h, inputs }) => h.reverse(inputs.image!, [2]))
}
