import '../gradients'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { findPlugin, jit, registerXla } from '../index'
import { PjrtExecutable } from '../pjrt/index'

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync())

describe.skipIf(!findPlugin({ device: 'cpu' }))('calls of a jitted step one after the other', () => {
  beforeAll(() => registerXla({ device: 'cpu' }))

  const unseen = vi.spyOn(PjrtExecutable.prototype, 'executeResident')
  beforeEach(() => void unseen.mockClear())
  const held: { dispose(): void }[] = []
  const hold = <T extends { dispose(): void }>(disposable: T): T => {
    held.push(disposable)
    return disposable
  }
  afterEach(() => {
    for (const disposable of held.splice(0)) disposable.dispose()
  })

  /** weight += by; count += 1; gives weight * offset. */
  const makeStep = () => {
    const weight = hold(tf.variable(tf.tensor1d([1, 2])))
    const count = hold(tf.variable(tf.scalar(0)))
    const offset = hold(tf.variable(tf.scalar(10)))
    const step = hold(
      jit((by: tf.Tensor) => {
        count.assign(tf.add(count, 1))
        weight.assign(tf.add(weight, by))
        return tf.mul(weight, offset)
      }),
    )
    return { weight, count, offset, step }
  }

  it('looks its variables up once, as long as nothing else touches them', () => {
    const { weight, count, step } = makeStep()
    for (let i = 1; i <= 20; i++)
      expect(values(step(tf.scalar(i)))).toEqual([10 + 5 * i * (i + 1), 20 + 5 * i * (i + 1)])
    expect(unseen).toHaveBeenCalledTimes(19)
    expect([values(weight), values(count)]).toEqual([[211, 212], [20]])
    // Reading them on the host changes nothing.
    step(tf.scalar(1))
    expect(unseen).toHaveBeenCalledTimes(20)
  })

  it('sees a variable that was assigned, one whose value is kept elsewhere, and one that an eager op is to read', () => {
    const { weight, offset, step } = makeStep()
    const by = hold(tf.scalar(1))
    step(by)
    step(by)
    offset.assign(tf.scalar(100))
    expect(values(step(by))).toEqual([400, 500])
    step(by)
    const kept = hold(weight.clone())
    step(by)
    expect([values(kept), values(weight)]).toEqual([
      [5, 6],
      [6, 7],
    ])
    step(by)
    step(by)
    const pending = hold(tf.mul(weight, -1))
    step(by)
    expect([values(pending), values(weight)]).toEqual([
      [-8, -9],
      [9, 10],
    ])
    step(by)
    step(by)
    expect(values(weight)).toEqual([11, 12])
  })

  it('takes one of its own variables as an argument', () => {
    const { weight, step } = makeStep()
    for (let i = 0; i < 3; i++) step(tf.scalar(0))
    expect(values(step(weight))).toEqual([20, 40])
    expect(values(step(weight))).toEqual([40, 80])
    expect(values(step(tf.scalar(1)))).toEqual([50, 90])
  })

  it('shares its variables with programs for other shapes, and with other functions', () => {
    const { weight, count, step } = makeStep()
    const halve = hold(
      jit(() => {
        weight.assign(tf.div(weight, 2))
      }),
    )
    for (let i = 0; i < 4; i++) {
      step(tf.scalar(1))
      step(tf.tensor1d([1, 1]))
      halve()
    }
    let expected = 1
    for (let i = 0; i < 4; i++) expected = (expected + 2) / 2
    expect([values(weight)[0], values(count)]).toEqual([expected, [8]])
    // Each looks at its first call, and the first two once more after the third was traced, which looks at the variables too.
    expect(unseen).toHaveBeenCalledTimes(12 - 3 - 2)
  })

  it('gives what step-by-step arithmetic gives, whatever happens in between', () => {
    const { weight, count, offset, step } = makeStep()
    const state = { weight: [1, 2], count: 0, offset: 10 }
    const kept: [tf.Tensor, number[]][] = []
    // A linear congruential generator: the same sequence each time.
    let seed = 1
    const draw = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return Math.floor((seed / 2 ** 32) * below)
    }
    const run = (by: tf.Tensor, numbers: readonly number[]) => {
      const result = step(by)
      state.count++
      state.weight = state.weight.map((value, i) => value + numbers[i % numbers.length]!)
      const expected = state.weight.map((value) => value * state.offset)
      if (draw(4) === 0) kept.push([result, expected])
      else {
        expect(values(result)).toEqual(expected)
        result.dispose()
      }
    }
    const events: (() => void)[] = [
      () => {
        state.offset = draw(9)
        offset.assign(tf.scalar(state.offset))
      },
      () => {
        state.weight = [draw(9), draw(9)]
        weight.assign(tf.tensor1d(state.weight))
      },
      () => kept.push([weight.clone(), [...state.weight]]),
      () => kept.push([tf.add(weight, offset), state.weight.map((value) => value + state.offset)]),
      () => expect(values(count)).toEqual([state.count]),
      () => run(weight, [...state.weight]),
      () => run(tf.tensor1d([3, 4]), [3, 4]),
      () => {
        for (const [tensor, expected] of kept.splice(0)) {
          expect(values(tensor)).toEqual(expected)
          tensor.dispose()
        }
      },
    ]
    for (let i = 0; i < 400; i++) {
      const by = draw(3) - 1
      run(tf.scalar(by), [by])
      if (draw(3) === 0) events[draw(events.length)]!()
      // Doubling must stay exact.
      if (Math.abs(state.weight[1]!) > 1e5) events[1]!()
    }
    expect(values(weight)).toEqual(state.weight)
    expect(unseen.mock.calls.length).toBeGreaterThan(150)
  })
})
