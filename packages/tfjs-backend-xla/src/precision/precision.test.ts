import '../gradients'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { Graph, type Node, reachable } from '../graph/graph'
import { Hlo } from '../graph/hlo'
import { printProgram } from '../graph/print'
import { findPlugin, jit, registerXla, scan } from '../index'
import { toBfloat16 } from './bfloat16'

/** Operations of a program with the element types of operands and result: `dot_general bf16 bf16 -> f32`. */
const summary = (outputs: readonly Node[]): string[] =>
  reachable(outputs)
    .filter(({ op }) => op !== 'parameter')
    .map(
      ({ op, inputs, type }) => `${op.split('.')[1]} ${inputs.map((x) => x.type.element).join(' ')} -> ${type.element}`,
    )

const setUp = () => {
  const h = new Hlo(new Graph())
  const input = (shape: number[]) => h.graph.parameter({}, { element: 'f32', shape })
  const product = (a: Node, b: Node) => h.dot(a, b, { contract: [[1], [0]] })
  return { h, input, product }
}

describe('the bfloat16 rewriting', () => {
  it('does what lies between two products in bfloat16, and gives the last sum in float32', () => {
    const { h, input, product } = setUp()
    const hidden = product(input([2, 3]), input([3, 4]))
    const active = h.max(h.add(hidden, input([4])), h.constant(0))
    const outputs = toBfloat16([product(active, input([4, 5]))])
    const lines = summary(outputs)
    expect(lines).toContain('dot_general bf16 bf16 -> bf16')
    expect(lines).toContain('maximum bf16 bf16 -> bf16')
    expect(lines.filter((line) => line.startsWith('dot'))).toHaveLength(2)
    expect(lines).toContain('dot_general bf16 bf16 -> f32')
    expect(printProgram(outputs).text).not.toContain('HIGHEST')
  })

  it('gives a product that only float32 work reads as its float32 sum', () => {
    const { h, input, product } = setUp()
    const scores = product(input([2, 3]), input([3, 4]))
    const lines = summary(toBfloat16([h.sum(h.exp(h.mul(scores, h.constant(0.5))), [1])]))
    expect(lines).toContain('dot_general bf16 bf16 -> f32')
    expect(lines.filter((line) => /^(multiply|exponential|reduce)/.test(line)).join()).not.toContain('bf16')
  })

  it('keeps sums in float32 also between products, and mixed operands too', () => {
    const { h, input, product } = setUp()
    const x = product(input([4, 4]), input([4, 4]))
    const centred = h.sub(x, h.sum(x, [1], true))
    const lines = summary(toBfloat16([product(centred, input([4, 4]))]))
    expect(lines).toContain('reduce f32 f32 -> f32')
    expect(lines).toContain('subtract f32 f32 -> f32')
  })

  it('leaves programs without products as they are', () => {
    const { h, input } = setUp()
    const output = h.add(h.exp(input([3])), input([3]))
    expect(toBfloat16([output])).toEqual([output])
  })

  it('keeps the products of weight gradients, and what an optimiser does with them, in float32', () => {
    const { h, input, product } = setUp()
    const weight = input([3, 4])
    const gradient = h.dot(input([8, 3]), product(input([8, 8]), input([8, 4])), { contract: [[0], [0]] })
    const lines = summary(toBfloat16([h.sub(weight, h.mul(gradient, h.constant(0.1)))]))
    expect(lines.slice(-2)).toEqual(['multiply f32 f32 -> f32', 'subtract f32 f32 -> f32'])
    expect(lines.filter((line) => line.startsWith('dot'))).toEqual([
      'dot_general bf16 bf16 -> bf16',
      'dot_general bf16 bf16 -> f32',
    ])
  })
})

describe.skipIf(!findPlugin({ device: 'cpu' }))('jit with precision bf16', () => {
  beforeAll(async () => void (await registerXla({ device: 'cpu' })))

  it('rounds the operands of products and adds up in float32', () => {
    const product = (a: tf.Tensor2D, b: tf.Tensor2D) => tf.matMul(a, b)
    const [a, b] = [tf.ones([8, 4097]), tf.ones([4097, 8])] as [tf.Tensor2D, tf.Tensor2D]
    const narrow = jit(product, { precision: 'bf16' })
    expect(narrow.lower(a, b)).toContain('(tensor<8x4097xbf16>, tensor<4097x8xbf16>) -> tensor<8x8xf32>')
    expect(jit(product).lower(a, b)).not.toContain('bf16')
    // In bfloat16, 4096 + 1 is 4096.
    expect(Array.from(narrow(a, b).dataSync())).toEqual(Array(64).fill(4097))
  })

  it('computes products whose results are transposed, which XLA on its own has no code for', () => {
    const transposed = jit((a: tf.Tensor2D, b: tf.Tensor2D) => tf.transpose(tf.matMul(a, b)), { precision: 'bf16' })
    const [a, b] = [tf.ones([64, 32]), tf.ones([32, 64])] as [tf.Tensor2D, tf.Tensor2D]
    expect(Array.from(transposed(a, b).dataSync())).toEqual(Array(64 * 64).fill(32))
  })

  it('holds inside loops, whose values stay float32', () => {
    const weight = tf.tensor2d([
      [0.5, 0.25],
      [-0.5, 1 / 3],
    ])
    const run = jit(
      (x: tf.Tensor2D) =>
        scan((carry: tf.Tensor2D) => [tf.tanh(tf.matMul(carry, weight) as tf.Tensor2D), null], x, null, {
          length: 3,
        })[0],
      { precision: 'bf16' },
    )
    const x = tf.tensor2d([[1, 2]])
    expect(run.lower(x)).toContain('tensor<2x2xbf16>')
    let expected: tf.Tensor2D = x
    for (let i = 0; i < 3; i++) expected = tf.tanh(tf.matMul(expected, weight) as tf.Tensor2D)
    const actual = run(x).dataSync()
    expected.dataSync().forEach((value, i) => {
      expect(Math.abs(actual[i]! - value)).toBeLessThan(0.01)
    })
  })
})
