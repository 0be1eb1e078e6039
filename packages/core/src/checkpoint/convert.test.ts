import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CheckpointError } from '../errors'
import { float16ToNumber, fromFloat32, numberToFloat16, toFloat32, toInt32 } from './convert'

describe('float16', () => {
  it('has the values of the standard', () => {
    const values = [0x0001, 0x03ff, 0x0400, 0x3c00, 0x3c01, 0x7bff, 0x7c00, 0xfc00, 0xc000].map(float16ToNumber)
    expect(values).toEqual([2 ** -24, 1023 * 2 ** -24, 2 ** -14, 1, 1 + 2 ** -10, 65504, Infinity, -Infinity, -2])
    expect(Object.is(float16ToNumber(0x8000), -0)).toBe(true)
    expect(float16ToNumber(0x7e00)).toBeNaN()
  })

  it('maps every bit pattern to a number and back', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = float16ToNumber(bits)
      if (!Number.isNaN(value)) expect(numberToFloat16(value)).toBe(bits)
    }
  })

  it('rounds to the nearest, ties to even, into infinity', () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const low = float16ToNumber(bits)
      const high = float16ToNumber(bits + 1)
      const middle = (low + high) / 2
      if (numberToFloat16(middle) !== bits + (bits & 1)) expect.fail(`tie at ${middle}`)
      if (numberToFloat16(middle - (high - low) / 8) !== bits) expect.fail(`below ${middle}`)
      if (numberToFloat16(middle + (high - low) / 8) !== bits + 1) expect.fail(`above ${middle}`)
    }
    expect([65519.99, 65520, -1e30, Number.NaN, 2 ** -25, -0].map(numberToFloat16)).toEqual([
      0x7bff, 0x7c00, 0xfc00, 0x7e00, 0, 0x8000,
    ])
  })
})

describe('fromFloat32', () => {
  it('rounds arrays to float16 as it rounds numbers, at and beside every tie', () => {
    const values = Float32Array.from(
      Array.from({ length: 0x7c00 }, (_, bits) => {
        const [low, high] = [float16ToNumber(bits), bits === 0x7bff ? 65536 : float16ToNumber(bits + 1)]
        const middle = (low + high) / 2
        return [low, middle, Math.fround(middle * (1 - 2 ** -23)), Math.fround(middle * (1 + 2 ** -23)), -middle]
      }).flat(),
    )
    const { data } = fromFloat32(values, [values.length], 'F16')
    const different = values.findIndex((value, i) => data[i] !== numberToFloat16(value))
    expect(different === -1 ? 'none' : values[different]).toBe('none')
    const odd = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, -0, 1e30, -1e-30)
    expect([...fromFloat32(odd, [5], 'F16').data]).toEqual([0x7e00, 0x7c00, 0x8000, 0x7c00, 0x8000])
  })
})

describe('toFloat32', () => {
  it('returns an F32 tensor as it is', () => {
    const data = Float32Array.of(1)
    expect(toFloat32({ dtype: 'F32', shape: [1], data })).toBe(data)
  })

  it('widens bfloat16 exactly, NaN payloads too', () => {
    const out = toFloat32({ dtype: 'BF16', shape: [4], data: Uint16Array.of(0x3f80, 0xc049, 0x0001, 0x7fc1) })
    expect([...new Uint32Array(out.buffer)]).toEqual([0x3f800000, 0xc0490000, 0x00010000, 0x7fc10000])
  })

  it('rounds F64 and integers to the nearest float32', () => {
    expect(toFloat32({ dtype: 'F64', shape: [1], data: Float64Array.of(0.1) })).toEqual(Float32Array.of(0.1))
    expect(toFloat32({ dtype: 'I64', shape: [1], data: BigInt64Array.of(-16777217n) })).toEqual(
      Float32Array.of(-16777216),
    )
    expect(toFloat32({ dtype: 'F16', shape: [1], data: Uint16Array.of(0x3555) })).toEqual(Float32Array.of(1365 / 4096))
  })

  it('refuses 8-bit floats', () => {
    expect(() => toFloat32({ dtype: 'F8_E4M3', shape: [1], data: Uint8Array.of(1) })).toThrow(CheckpointError)
  })
})

describe('toInt32', () => {
  it('converts integers that fit and refuses those that do not', () => {
    expect(toInt32({ dtype: 'I64', shape: [2], data: BigInt64Array.of(-5n, 2147483647n) })).toEqual(
      Int32Array.of(-5, 2147483647),
    )
    expect(toInt32({ dtype: 'BOOL', shape: [1], data: Uint8Array.of(1) })).toEqual(Int32Array.of(1))
    expect(() => toInt32({ dtype: 'I64', shape: [1], data: BigInt64Array.of(2147483648n) })).toThrow('does not fit')
    expect(() => toInt32({ dtype: 'F16', shape: [1], data: Uint16Array.of(0x3c00) })).toThrow('does not hold integers')
  })
})

describe('fromFloat32', () => {
  it('rounds to the nearest bfloat16, ties to even', () => {
    const values = Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -3.4e38, Number.NaN)
    expect(fromFloat32(values, [5], 'BF16').data).toEqual(Uint16Array.of(0x3f80, 0x3f80, 0x3f82, 0xff80, 0x7fc0))
  })

  it('loses at most half a step of the fraction', () => {
    fc.assert(
      fc.property(fc.double({ min: -6e4, max: 6e4, noNaN: true }), (value) => {
        const x = Math.fround(value)
        const half = toFloat32(fromFloat32(Float32Array.of(x), [1], 'F16'))[0]!
        const brain = toFloat32(fromFloat32(Float32Array.of(x), [1], 'BF16'))[0]!
        expect(Math.abs(half - x)).toBeLessThanOrEqual(Math.max(Math.abs(x) * 2 ** -11, 2 ** -25))
        expect(Math.abs(brain - x)).toBeLessThanOrEqual(Math.max(Math.abs(x) * 2 ** -8, 2 ** -134))
      }),
    )
  })
})
