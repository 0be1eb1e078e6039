import { expect, it } from 'vitest'
import { foldKey, keyedUniform, threefry2x32 } from './threefry'

it('agrees with the known answers of Random123', () => {
  expect(threefry2x32(0, 0, 0, 0)).toEqual([0x6b200159, 0x99ba4efe])
  expect(threefry2x32(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff)).toEqual([0x1cb996fc, 0xbb002be7])
  expect(threefry2x32(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3)).toEqual([0xc4923a9c, 0x483df7a0])
})

it('fills numbers of [0, 1) from the two words of each block', () => {
  const values = keyedUniform(1, 2, 3, 5)
  const [a, b] = threefry2x32(1, 2, 0, 3)
  expect([values[0], values[1]]).toEqual([(a >>> 8) / 2 ** 24, (b >>> 8) / 2 ** 24])
  expect(values[4]).toBe((threefry2x32(1, 2, 2, 3)[0] >>> 8) / 2 ** 24)
})

it('folds texts and numbers into different keys', () => {
  const keys = [0, 1, -1, 2 ** 40, '', '0', 'a', 'a\0', 'abcd', 'abcde'].map((part) => foldKey([7, 8], part).join())
  expect(new Set(keys).size).toBe(keys.length)
  expect(() => foldKey([0, 0], 0.5)).toThrow(RangeError)
})
