import { describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { padFloats, padIntegers, padTo } from './padding'

describe('padding', () => {
  it('pads rows at the end and marks what is real', () => {
    const { values, attentionMask, lengths } = padFloats([Float32Array.of(1, 2, 3), Float32Array.of(4)], 4)
    expect([...values.data]).toEqual([1, 2, 3, 0, 4, 0, 0, 0])
    expect([...attentionMask.data]).toEqual([1, 1, 1, 0, 1, 0, 0, 0])
    expect([...lengths.data]).toEqual([3, 1])
    expect(values.shape).toEqual([2, 4])
  })

  it('pads labels with the value asked for, to the longest by default', () => {
    const { values } = padIntegers([[5], [6, 7]], { padding: -100 })
    expect(values).toEqual({ data: Int32Array.of(5, -100, 6, 7), shape: [2, 2], dtype: 'int32' })
  })

  it('refuses a row that is too long', () => {
    expect(() => padFloats([new Float32Array(5)], 4)).toThrow(DataError)
  })

  it('cuts or pads one waveform', () => {
    expect([...padTo(Float32Array.of(1, 2, 3), 2)]).toEqual([1, 2])
    expect([...padTo(Float32Array.of(1, 2, 3), 5)]).toEqual([1, 2, 3, 0, 0])
  })
})
