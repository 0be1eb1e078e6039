import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { defineXlaKernel } from './define'

interface ResizeAttributes {
  readonly alignCorners: boolean
  readonly halfPixelCenters?: boolean
  readonly size: [number, number]
}

/** Where each output along one axis comes from: `low` and `high` weighted by 1 - `fraction` and `fraction`. */
interface AxisMap {
  readonly low: readonly number[]
  readonly high: readonly number[]
  readonly fraction: readonly number[]
}

/** Input elements an output element advances by. */
const scaleOf = (input: number, output: number, alignCorners: boolean): number =>
  alignCorners && output > 1 ? (input - 1) / (output - 1) : input / output

const bilinearMap = (input: number, output: number, { alignCorners, halfPixelCenters }: ResizeAttributes): AxisMap => {
  const scale = scaleOf(input, output, alignCorners)
  const sources = Array.from({ length: output }, (_, i) => (halfPixelCenters ? scale * (i + 0.5) - 0.5 : scale * i))
  const low = sources.map((source) => Math.max(0, Math.floor(source)))
  const high = sources.map((source) => Math.min(input - 1, Math.ceil(source)))
  return { low, high, fraction: sources.map((source, i) => (low[i] === high[i] ? 0 : source - low[i]!)) }
}

const nearestMap = (input: number, output: number, { alignCorners, halfPixelCenters }: ResizeAttributes): number[] => {
  const scale = scaleOf(input, output, alignCorners)
  return Array.from({ length: output }, (_, i) => {
    const source = halfPixelCenters ? scale * (i + 0.5) : scale * i
    return Math.min(input - 1, alignCorners ? Math.round(source) : Math.floor(source))
  })
}

const indices = (h: Hlo, values: readonly number[]): Node => h.literal(values, 'i32', [values.length])

/** Elements of `x` along `axis` at fixed positions. */
const pick = (h: Hlo, x: Node, axis: number, positions: readonly number[]): Node =>
  positions.length === x.type.shape[axis] && positions.every((at, i) => at === i)
    ? x
    : h.take(x, indices(h, positions), axis)

const interpolate = (h: Hlo, x: Node, axis: number, { low, high, fraction }: AxisMap): Node => {
  const first = pick(h, x, axis, low)
  if (fraction.every((weight) => weight === 0)) return first
  const weight = h.reshape(
    h.literal(fraction, 'f32', [fraction.length]),
    x.type.shape.map((_, i) => (i === axis ? fraction.length : 1)),
  )
  return h.add(first, h.mul(h.sub(pick(h, x, axis, high), first), weight))
}

/** [outputs, inputs]: 1 where output i is taken from `positions[i]`. */
const selection = (h: Hlo, positions: readonly number[], inputs: number): Node => {
  const shape = [positions.length, inputs]
  const hit = h.compare('EQ', h.iota(shape, 1), h.broadcastInDim(indices(h, positions), shape, [0]))
  return h.convert(hit, 'f32')
}

const interpolation = (h: Hlo, { low, high, fraction }: AxisMap, inputs: number): Node => {
  const weight = h.reshape(h.literal(fraction, 'f32', [fraction.length]), [fraction.length, 1])
  const [first, second] = [selection(h, low, inputs), selection(h, high, inputs)]
  return h.add(h.mul(first, h.sub(h.constant(1), weight)), h.mul(second, weight))
}

/** The transpose of a resize: each axis of `dy` times its map's matrix. A product costs less than scattering on every device. */
const spreadBack = (h: Hlo, dy: Node, rows: Node, columns: Node): Node => {
  // [batch, y, x, channels] -> [batch, x, channels, rows] -> [batch, channels, rows, columns]
  const overRows = h.dot(dy, rows, { contract: [[1], [0]] })
  const overBoth = h.dot(overRows, columns, { contract: [[1], [0]] })
  return h.transpose(overBoth, [0, 2, 3, 1])
}

/** Registers the gradient of a resize whose map along one axis, of `inputs` places to `outputs`, is this matrix. */
const defineGradient = (
  kernelName: string,
  matrix: (h: Hlo, inputs: number, outputs: number, attrs: ResizeAttributes) => Node,
): void =>
  defineXlaKernel<ResizeAttributes>(kernelName, ({ h, inputs, attrs }) => {
    const { images, dy } = inputs as Record<'images' | 'dy', Node>
    const [, height, width] = images.type.shape as [number, number, number, number]
    const [, newHeight, newWidth] = dy.type.shape as [number, number, number, number]
    return spreadBack(h, dy, matrix(h, height, newHeight, attrs), matrix(h, width, newWidth, attrs))
  })

export const registerResize = (): void => {
  defineXlaKernel<ResizeAttributes>('ResizeBilinear', ({ h, inputs, attrs }) => {
    const x = h.convert(inputs.images!, 'f32')
    const [, height, width] = x.type.shape as [number, number, number, number]
    const rows = interpolate(h, x, 1, bilinearMap(height, attrs.size[0], attrs))
    return interpolate(h, rows, 2, bilinearMap(width, attrs.size[1], attrs))
  })
  defineGradient('ResizeBilinearGrad', (h, inputs, outputs, attrs) =>
    interpolation(h, bilinearMap(inputs, outputs, attrs), inputs),
  )
  defineXlaKernel<ResizeAttributes>('ResizeNearestNeighbor', ({ h, inputs, attrs }) => {
    const x = inputs.images!
    const [, height, width] = x.type.shape as [number, number, number, number]
    const rows = pick(h, x, 1, nearestMap(height, attrs.size[0], attrs))
    return pick(h, rows, 2, nearestMap(width, attrs.size[1], attrs))
  })
  defineGradient('ResizeNearestNeighborGrad', (h, inputs, outputs, attrs) =>
    selection(h, nearestMap(inputs, outputs, attrs), inputs),
  )
}
