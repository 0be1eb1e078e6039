import { describe, expect, it } from 'vitest'
import { ConfigError } from '../errors'
import { Retention } from './retention'

describe('Retention', () => {
  it('keeps the newest', () => {
    const retention = new Retention(2)
    expect(retention.consider(1, { loss: 1 })).toBe(false)
    expect(retention.doomed([30, 10, 20, 5])).toEqual([10, 5])
    expect(retention.doomed([7])).toEqual([])
  })

  it('keeps the best too, of equal ones the earlier, and none by a value that is no number', () => {
    const retention = new Retention(1, { metric: 'wer', count: 2 })
    expect(retention.consider(1, { wer: 0.5 })).toBe(true)
    expect(retention.consider(2, { wer: 0.7 })).toBe(true)
    expect(retention.consider(3, { wer: Number.NaN })).toBe(false)
    expect(retention.consider(4, { wer: 0.7 })).toBe(false)
    expect(retention.consider(5, { wer: 0.2 })).toBe(true)
    expect(retention.best).toEqual([
      { step: 5, value: 0.2 },
      { step: 1, value: 0.5 },
    ])
    expect(retention.doomed([1, 2, 3, 4, 5, 6])).toEqual([2, 3, 4])
  })

  it('can take the highest for the best', () => {
    const retention = new Retention(1, { metric: 'accuracy', mode: 'max' })
    expect([0.1, 0.4, 0.3].map((accuracy, step) => retention.consider(step, { accuracy }))).toEqual([true, true, false])
    expect(retention.best).toEqual([{ step: 1, value: 0.4 }])
  })

  it('goes on from its state, unless it ranks by something else', () => {
    const first = new Retention(1, { metric: 'wer', count: 2 })
    first.consider(1, { wer: 0.5 })
    first.consider(2, { wer: 0.4 })
    const state = JSON.parse(JSON.stringify(first.state())) as ReturnType<typeof first.state>
    const resumed = (options?: ConstructorParameters<typeof Retention>[1]) => {
      const retention = new Retention(1, options)
      retention.restore(state)
      return retention.best.map(({ step }) => step)
    }
    expect(resumed({ metric: 'wer', count: 2 })).toEqual([2, 1])
    expect(resumed({ metric: 'wer' })).toEqual([2])
    expect(resumed({ metric: 'wer', mode: 'max' })).toEqual([])
    expect(resumed({ metric: 'loss' })).toEqual([])
    expect(resumed()).toEqual([])
  })

  it('says what is wrong', () => {
    expect(() => new Retention(1, { metric: 'wer', count: 0 })).toThrow(ConfigError)
    expect(() => new Retention(1, { metric: 'wer', mode: 'lowest' as 'min' })).toThrow(/min or max/)
    expect(() => new Retention(1, { metric: 'wer' }).consider(1, { cer: 1, loss: 2 })).toThrow(
      /no "wer", but cer, loss/,
    )
  })
})
