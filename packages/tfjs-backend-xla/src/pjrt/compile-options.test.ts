import { describe, expect, it } from 'vitest'
import { encodeCompileOptions } from './compile-options'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('encodeCompileOptions', () => {
  // The expected bytes are ones XLA has been seen to accept.
  it('always writes the number of replicas and partitions, without which XLA aborts the process', () => {
    expect(hex(encodeCompileOptions())).toBe('1a0420012801')
  })

  it('asks for two replicas', () => {
    expect(hex(encodeCompileOptions({ replicas: 2 }))).toBe('1a0420022801')
  })

  it('splits a program over two devices', () => {
    expect(hex(encodeCompileOptions({ partitions: 2 }))).toBe('1a162001280230014a0e080110021a030a01001a030a0101')
  })

  it('places a program on device 1', () => {
    expect(hex(encodeCompileOptions({ devices: [1] }))).toBe('1a0f200128014a09080110011a030a0101')
  })

  it.each([
    [-1, '18ffffffffffffffffff01'],
    [true, '1001'],
    ['x', '0a0178'],
    [0.5, '21000000000000e03f'],
  ])('writes the flag %j as a map entry of its name and its value by type', (value, encoded) => {
    const length = (extra: number) => (encoded.length / 2 + extra).toString(16).padStart(2, '0')
    const entry = `3a${length(5)}0a016612${length(0)}${encoded}`
    expect(hex(encodeCompileOptions({ flags: { f: value } }))).toBe(`1a0420012801${entry}`)
  })
})
