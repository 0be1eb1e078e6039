// The real thing: fetches TensorFlow (274 MB), compiles the addon and computes with it. Only with BABBLE_TEST_TFJS_NODE=1.
import process from 'node:process'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadEngine } from '../load-engine'
import { buildTfjsNode } from './build'

const wanted = process.env.BABBLE_TEST_TFJS_NODE === '1'

describe.runIf(wanted)('tfjs-node as babble-engine builds it', () => {
  beforeAll(async () => {
    const build = await buildTfjsNode()
    expect(build.tensorflowVersion).toBe('2.21.0')
    const engine = await loadEngine({ backend: 'tfjs-node', quiet: true })
    expect(engine).toMatchObject({ backend: 'tensorflow', device: 'cpu' })
  }, 600_000)

  it('shares its tensors with the TensorFlow.js of this program', () => {
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2])
    expect(tf.getBackend()).toBe('tensorflow')
    expect(Array.from(tf.matMul(x, x).dataSync())).toEqual([7, 10, 15, 22])
    const gradient = tf.grad((input: tf.Tensor) => tf.sum(tf.square(input)))(x)
    expect(Array.from(gradient.dataSync())).toEqual([2, 4, 6, 8])
  })

  it('has the kernels that call chained methods, on numbers that must be cast first', () => {
    expect(Array.from(tf.exp(tf.tensor1d([0, 1], 'int32')).dataSync())).toEqual([1, Math.fround(Math.E)])
    expect(tf.argMax(tf.tensor1d([false, true], 'bool')).dataSync()[0]).toBe(1)
    expect(Array.from(tf.prelu(tf.tensor1d([-2, 3]), 0.5).dataSync())).toEqual([-1, 3])
  })

  it('holds no memory after its tensors are disposed of', () => {
    const before = tf.memory().numTensors
    for (let i = 0; i < 100; i++) {
      tf.tidy(
        () => void tf.conv2d(tf.ones([1, 4, 4, 2]) as tf.Tensor4D, tf.ones([2, 2, 2, 2]) as tf.Tensor4D, 1, 'valid'),
      )
    }
    expect(tf.memory().numTensors).toBe(before)
  })
})
