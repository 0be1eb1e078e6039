import '../gradients'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { Graph, type Node } from '../graph/graph'
import { Hlo } from '../graph/hlo'
import { findPlugin, formatProfile, jit, registerXla, scan } from '../index'
import { flopsOf } from './cost'
import { segmentsOf } from './segments'

const graph = () => {
  const h = new Hlo(new Graph())
  return { h, input: (shape: number[]) => h.graph.parameter({}, { element: 'f32', shape }) }
}

describe('taking a program apart', () => {
  it('separates products from the elementwise work between them, and covers every operation once', () => {
    const { h, input } = graph()
    const dot = (a: Node, b: Node) => h.dot(a, b, { contract: [[1], [0]] })
    const first = dot(input([20, 30]), input([30, 40]))
    const between = h.mul(h.exp(h.add(first, input([40]))), h.constant(2))
    const second = dot(between, input([40, 50]))
    const segments = segmentsOf([second])
    expect(segments.map(({ main }) => main?.op)).toEqual(['stablehlo.dot_general', undefined, 'stablehlo.dot_general'])
    expect(segments[1]!.nodes.map(({ op }) => op)).toEqual([
      'stablehlo.add',
      'stablehlo.exponential',
      'stablehlo.multiply',
    ])
    expect(segments[1]!.outputs.map(({ type }) => type.shape)).toEqual([[20, 40]])
  })

  it('gives what several parts read, also through views and as a result of the program', () => {
    const { h, input } = graph()
    const shared = h.exp(input([20, 30]))
    const product = h.dot(h.transpose(shared, [1, 0]), shared, { contract: [[1], [0]] })
    const segments = segmentsOf([product, shared])
    expect(segments).toHaveLength(2)
    expect(segments[0]!.outputs).toHaveLength(1)
    expect(segments[1]!.outputs[0]!.type.shape).toEqual([30, 30])
  })

  it('counts the multiplications and additions of products and convolutions', () => {
    const { h, input } = graph()
    expect(flopsOf(h.dot(input([2, 3, 4]), input([2, 4, 5]), { batch: [[0], [0]], contract: [[2], [1]] }))).toBe(
      2 * 2 * 3 * 4 * 5,
    )
    const axes = { batch: 0, feature: 2, spatial: [1] }
    const convolution = h.convolution(input([2, 10, 8]), input([6, 4, 3]), {
      input: axes,
      kernel: { batch: 1, feature: 0, spatial: [2] },
      output: axes,
      strides: [1],
      padding: [[0, 0]],
      groups: 2,
    })
    expect(flopsOf(convolution)).toBe(2 * (2 * 8 * 6) * (4 * 3))
  })
})

describe.skipIf(!findPlugin({ device: 'cpu' }))('a profile', () => {
  beforeAll(async () => void (await registerXla({ device: 'cpu' })))

  it('times each kind of part once, says how often it occurs and names the kernels', () => {
    const weights = Array.from({ length: 3 }, () => tf.variable(tf.ones([16, 16])))
    const layer = (y: tf.Tensor2D, w: tf.Variable) => tf.tanh(tf.matMul(y, w as unknown as tf.Tensor2D) as tf.Tensor2D)
    const fn = jit((x: tf.Tensor2D) => weights.reduce<tf.Tensor2D>(layer, x), { name: 'layers' })
    const profile = fn.profile(tf.ones([8, 16]))
    const product = profile.rows.find(({ what }) => what.startsWith('dot_general'))!
    expect([product.count, product.flops]).toEqual([3, 2 * 8 * 16 * 16])
    expect(product.origins).toEqual(['layers/BatchMatMul'])
    expect(profile.rows.every(({ milliseconds }) => milliseconds > 0)).toBe(true)
    expect(profile.milliseconds).toBeCloseTo(profile.rows.reduce((sum, row) => sum + row.count * row.milliseconds, 0))
    expect(formatProfile(profile)).toMatch(
      /layers: .* ms[\s\S]*dot_general 8x16xf32 · 16x16xf32 -> 8x16xf32 \(BatchMatMul\)/,
    )
  })

  it('takes loops as one part', () => {
    const fn = jit(
      (x: tf.Tensor1D) => scan((c: tf.Tensor1D) => [tf.sin(c) as tf.Tensor1D, null], x, null, { length: 4 })[0],
    )
    expect(fn.profile(tf.ones([100])).rows.filter(({ what }) => what.startsWith('while'))).toHaveLength(1)
  })
})
