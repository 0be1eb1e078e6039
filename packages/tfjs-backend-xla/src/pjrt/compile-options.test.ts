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

  it('writes a flag as a map entry of its name and its value by type', () => {
    const text = hex(encodeCompileOptions({ flags: { n: -1, b: true, s: 'x', d: 0.5 } }))
    expect(text).toBe(
      '1a0420012801' +
        '3a100a016e120b18ffffffffffffffffff01'.replace('3a10', '3a10') +
        '3a070a01621202' +
        '1001' +
        '3a080a01731203' +
        '0a0178' +
        '3a0e0a01641209' +
        '21000000000000e03f',
    )
  })
})
