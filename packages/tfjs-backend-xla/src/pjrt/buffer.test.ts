import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PjrtClient } from './client'
import type { ElementType } from './element-type'
import { addProgram, f32, needsPlugin, testPlugin } from './testing'

describe.skipIf(!testPlugin)(`PjrtBuffer${needsPlugin}`, () => {
  let client: PjrtClient
  beforeAll(() => {
    client = PjrtClient.create(testPlugin!)
  })
  afterAll(() => client.dispose())

  it('gives back the bytes it was made of, for every type and shape', () => {
    const types: readonly (readonly [ElementType, number])[] = [
      ['f32', 4],
      ['f64', 8],
      ['bf16', 2],
      ['f16', 2],
      ['i64', 8],
      ['i32', 4],
      ['i16', 2],
      ['i8', 1],
      ['u64', 8],
      ['u32', 4],
      ['u16', 2],
      ['u8', 1],
      ['c64', 8],
      ['c128', 16],
    ]
    const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 5 })
    fc.assert(
      fc.property(fc.constantFrom(...types), shapes, fc.integer({ min: 1, max: 255 }), ([type, bytes], dims, seed) => {
        const count = dims.reduce((product, dim) => product * dim, 1)
        const data = Uint8Array.from({ length: bytes * count }, (_, i) => (i * 31 + seed) & 255)
        const buffer = client.bufferFromHost(data, { type, dims })
        expect(new Uint8Array(buffer.read())).toEqual(data)
        buffer.dispose()
      }),
      { numRuns: 100 },
    )
  })

  it('holds truth values as one byte each', () => {
    const buffer = client.bufferFromHost(Uint8Array.of(1, 0, 1), { type: 'i1', dims: [3] })
    expect([...new Uint8Array(buffer.read())]).toEqual([1, 0, 1])
  })

  it('has copied its source when it exists', () => {
    const source = Float32Array.of(1, 2)
    const buffer = client.bufferFromHost(source, f32(2))
    source.fill(9)
    expect([...new Float32Array(buffer.read())]).toEqual([1, 2])
  })

  it('takes a view into the middle of an array', () => {
    const buffer = client.bufferFromHost(Float32Array.of(0, 1, 2, 3).subarray(1, 3), f32(2))
    expect([...new Float32Array(buffer.read())]).toEqual([1, 2])
  })

  it('reads into the middle of an array and touches nothing beside', () => {
    const target = new Float32Array(4).fill(-1)
    client.bufferFromHost(Float32Array.of(1, 2), f32(2)).readInto(target.subarray(1, 3))
    expect([...target]).toEqual([-1, 1, 2, -1])
  })

  it('refuses data and destinations of another size', () => {
    expect(() => client.bufferFromHost(new Float32Array(3), f32(2, 2))).toThrow(
      'tensor<2x2xf32> takes 16 bytes; the data has 12',
    )
    const buffer = client.bufferFromHost(new Float32Array(4), f32(2, 2))
    expect(() => buffer.readInto(new Float32Array(5))).toThrow('takes 16 bytes; the view has 20')
  })

  it('refuses dimensions and types that do not exist', () => {
    expect(() => client.bufferFromHost(new Float32Array(1), f32(-1))).toThrow(/non-negative integers, not \[-1\]/)
    expect(() => client.bufferFromHost(new Float32Array(1), f32(0.5))).toThrow(/non-negative integers/)
    const type = 'f31' as ElementType
    expect(() => client.bufferFromHost(new Float32Array(1), { type, dims: [] })).toThrow(/Unknown element type 'f31'/)
  })

  it('can be empty: read, computed with, and read without blocking', async () => {
    const empty = client.bufferFromHost(new Float32Array(0), f32(0))
    const add = client.compile(addProgram(0), [f32(0)])
    const [sum] = add.execute([empty, empty])
    expect(sum!.byteLength).toBe(0)
    expect(sum!.read().byteLength).toBe(0)
    expect((await sum!.readAsync()).byteLength).toBe(0)
  })

  it('cannot be used once it is disposed, and disposing twice is harmless', async () => {
    const buffer = client.bufferFromHost(new Float32Array(2), f32(2))
    buffer.dispose()
    buffer.dispose()
    expect(buffer.isDisposed).toBe(true)
    expect(() => buffer.read()).toThrow('The buffer (tensor<2xf32>) has been disposed')
    await expect(buffer.readAsync()).rejects.toThrow('has been disposed')
  })

  it('may be disposed while it is being computed and read', async () => {
    const add = client.compile(addProgram(1 << 20), [f32(1 << 20)])
    const input = client.bufferFromHost(new Float32Array(1 << 20).fill(1), f32(1 << 20))
    const [sum] = add.execute([input, input])
    const reading = sum!.readAsync()
    input.dispose()
    sum!.dispose()
    expect(new Float32Array(await reading).every((value) => value === 2)).toBe(true)
  })

  it('serves hundreds of waiting reads together with blocking ones', async () => {
    const add = client.compile(addProgram(1000), [f32(1000)])
    const one = client.bufferFromHost(new Float32Array(1000).fill(1), f32(1000))
    let sum = one
    const reads: Promise<number>[] = []
    const expected: number[] = []
    for (let i = 2; i < 502; i++) {
      sum = add.execute([sum, one])[0]!
      reads.push(sum.readAsync().then((bytes) => new Float32Array(bytes)[999]!))
      expected.push(i)
      if (i % 50 === 0) expect(new Float32Array(sum.read())[0]).toBe(i)
    }
    expect(await Promise.all(reads)).toEqual(expected)
  })

  it('is freed when it is garbage-collected', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const before = client.liveObjectCount
    for (let i = 0; i < 500; i++) client.bufferFromHost(new Float32Array(2), f32(2))
    expect(client.liveObjectCount).toBe(before + 500)
    for (let i = 0; i < 20 && client.liveObjectCount > before; i++) {
      collect()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(client.liveObjectCount).toBeLessThanOrEqual(before)
  })
})
