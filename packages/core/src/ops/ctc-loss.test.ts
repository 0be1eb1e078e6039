import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { decodeSafetensors, toFloat32, toInt32 } from '../checkpoint/index'
import { compile } from '../engine/index'
import { ctcLoss } from './ctc-loss'
import { randomTensor } from './gradient-check.fixture'

/** Losses and gradients of `torch.nn.functional.ctc_loss`; its README says how they were made. */
const folder = fileURLToPath(new URL('../../fixtures/ctc-loss/', import.meta.url))
const load = (name: string) => decodeSafetensors(readFileSync(`${folder}${name}`), name).tensors
const [inputs, expected] = [load('inputs.safetensors'), load('expected.safetensors')]
const cases = JSON.parse(readFileSync(`${folder}config.json`, 'utf8')) as Record<string, { blank: number }>

/** The files hold 1e30 in the place of infinity. */
const finite = (values: Float32Array) => values.map((v) => (v >= 1e30 ? Number.POSITIVE_INFINITY : v))

const reduce = (losses: tf.Tensor, targetLengths: tf.Tensor, reduction: string): tf.Tensor => {
  if (reduction === 'none') return losses
  return reduction === 'sum'
    ? tf.sum(losses)
    : tf.mean(tf.div(losses, tf.maximum(tf.cast(targetLengths, 'float32'), 1)))
}

describe.each(enginesUnderTest())('ctcLoss on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it.each(Object.keys(cases))(
    'agrees with PyTorch on %s: losses and gradients, every reduction, with and without zeroInfinity',
    (name) => {
      const ints = (key: string) => {
        const host = inputs.get(`${name}.${key}`)!
        return tf.tensor(toInt32(host), [...host.shape], 'int32')
      }
      const host = inputs.get(`${name}.logits`)!
      const logits = tf.tensor(toFloat32(host), [...host.shape])
      // One program for all variants of a case.
      const variants = compile(
        (x: tf.Tensor, targets: tf.Tensor, inputLengths: tf.Tensor, targetLengths: tf.Tensor) => {
          const results: Record<string, tf.Tensor> = {}
          for (const zeroInfinity of [false, true]) {
            for (const reduction of ['none', 'sum', 'mean']) {
              const loss = (t: tf.Tensor) => {
                const logProbs = tf.logSoftmax(tf.transpose(t, [1, 0, 2])) as tf.Tensor3D
                const options = { blankId: cases[name]!.blank, zeroInfinity }
                const losses = ctcLoss(
                  logProbs,
                  targets as tf.Tensor2D,
                  inputLengths as tf.Tensor1D,
                  targetLengths as tf.Tensor1D,
                  options,
                )
                return reduce(losses, targetLengths, reduction)
              }
              const key = `${zeroInfinity ? 'zero_inf' : 'inf'}.${reduction}`
              results[`${key}.loss`] = loss(x)
              if (reduction !== 'none') results[`${key}.grad_logits`] = tf.grad(loss)(x)
            }
          }
          return results
        },
      )
      const results = variants(logits, ints('targets'), ints('input_lengths'), ints('target_lengths'))
      const stored = [...expected.keys()].filter((key) => key.startsWith(`${name}.`) && !key.endsWith('.greedy'))
      expect(stored.length).toBeGreaterThanOrEqual(8)
      for (const key of stored) {
        const actual = results[key.slice(name.length + 1)]!
        // The reference's own gradients are rounded in float32: 3e-5 of the largest one, on peaky distributions.
        const tolerance = key.endsWith('.loss') ? { relative: 2e-6 } : { relative: 5e-5 }
        expectClose(actual, finite(toFloat32(expected.get(key)!)), { ...tolerance, name: key })
      }
      variants.dispose()
    },
  )

  it('gives an impossible target an infinite loss and a gradient of 0, without NaN, beside a possible one', () => {
    const logProbs = tf.logSoftmax(randomTensor<tf.Tensor3D>([2, 3, 4], 1)) as tf.Tensor3D
    const loss = (x: tf.Tensor3D) =>
      ctcLoss(
        x,
        tf.tensor2d(
          [
            [1, 1, 1],
            [1, 2, 3],
          ],
          [2, 3],
          'int32',
        ),
        tf.tensor1d([3, 3], 'int32'),
        tf.tensor1d([3, 3], 'int32'),
        { blankId: 0 },
      )
    const losses = loss(logProbs).dataSync()
    expect(losses[0]).toBe(Number.POSITIVE_INFINITY)
    expect(losses[1]).toBeGreaterThan(0)
    const gradient = tf
      .grad((x) => tf.sum(loss(x as tf.Tensor3D)))(logProbs)
      .dataSync()
    expect(Array.from(gradient.slice(0, 12), Math.abs)).toEqual(Array(12).fill(0))
    expect(gradient.slice(12).some((x) => x < 0)).toBe(true)
    expect(gradient.every(Number.isFinite)).toBe(true)
  })

  it('takes batches without any label', () => {
    const logProbs = tf.logSoftmax(randomTensor<tf.Tensor3D>([2, 3, 4], 2)) as tf.Tensor3D
    const lengths = tf.tensor1d([3, 2], 'int32')
    const losses = ctcLoss(logProbs, tf.zeros([2, 0], 'int32'), lengths, tf.tensor1d([0, 0], 'int32'), { blankId: 3 })
    const p = logProbs.dataSync()
    expectClose(losses, [-(p[3]! + p[7]! + p[11]!), -(p[15]! + p[19]!)], { relative: 1e-6 })
  })

  it('refuses a blank that is no label', () => {
    const none = tf.tensor1d([1], 'int32')
    expect(() => ctcLoss(tf.zeros([1, 2, 3]), tf.zeros([1, 1], 'int32'), none, none, { blankId: 3 })).toThrow(
      'blankId 3',
    )
  })
})

/** Minus the log of the summed probability of every path that spells the target, by trying all paths. */
const byEnumeration = (
  logProbs: ArrayLike<number>,
  frames: number,
  vocabulary: number,
  target: readonly number[],
  blankId: number,
): number => {
  let total = 0
  for (let path = 0; path < vocabulary ** frames; path++) {
    const labels = Array.from({ length: frames }, (_, t) => Math.floor(path / vocabulary ** t) % vocabulary)
    const spelled = labels.filter((label, t) => label !== blankId && label !== labels[t - 1])
    if (spelled.join() !== target.join()) continue
    total += Math.exp(labels.reduce((sum, label, t) => sum + logProbs[t * vocabulary + label]!, 0))
  }
  return -Math.log(total)
}

describe('ctcLoss', () => {
  beforeAll(() => useEngine('cpu'))

  it('is minus the log probability of all paths that spell the target', () => {
    const problem = fc.record({
      frames: fc.integer({ min: 1, max: 5 }),
      blankId: fc.integer({ min: 0, max: 2 }),
      target: fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 4 }),
      seed: fc.integer(),
    })
    fc.assert(
      fc.property(problem, ({ frames, blankId, target, seed }) => {
        const labels = target.map((index) => [0, 1, 2].filter((label) => label !== blankId)[index]!)
        const logProbs = tf.logSoftmax(randomTensor<tf.Tensor3D>([1, frames, 3], seed, 2)) as tf.Tensor3D
        const padded = tf.tensor2d([...labels, -1], [1, labels.length + 1], 'int32')
        const loss = ctcLoss(logProbs, padded, tf.tensor1d([frames], 'int32'), tf.tensor1d([labels.length], 'int32'), {
          blankId,
        })
        expectClose(loss, [byEnumeration(logProbs.dataSync(), frames, 3, labels, blankId)], {
          relative: 1e-5,
          absolute: 1e-5,
        })
      }),
      { numRuns: 200 },
    )
  })
})
