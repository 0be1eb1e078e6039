import { mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CheckpointError } from '../errors'
import type { HostTensor } from './host-tensor'
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  SafetensorsReader,
  writeSafetensors,
} from './safetensors'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A file with this header text and this many bytes of data. */
function fileOf(header: unknown, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const out = new Uint8Array(8 + json.length + dataBytes)
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true)
  out.set(json, 8)
  return out
}

function refusal(bytes: Uint8Array): CheckpointError {
  try {
    decodeSafetensors(bytes, 'x.safetensors')
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError)
    return error as CheckpointError
  }
  throw new Error('the file was accepted')
}

const f32 = (shape: number[], begin: number, end: number) => ({ dtype: 'F32', shape, data_offsets: [begin, end] })

const everyDtype: [string, HostTensor][] = [
  ['bool', { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ['u8', { dtype: 'U8', shape: [1], data: Uint8Array.of(200) }],
  ['i8', { dtype: 'I8', shape: [1], data: Int8Array.of(-7) }],
  ['i16', { dtype: 'I16', shape: [1], data: Int16Array.of(-700) }],
  ['u16', { dtype: 'U16', shape: [1], data: Uint16Array.of(60000) }],
  ['f16', { dtype: 'F16', shape: [2], data: Uint16Array.of(0x3c00, 0xfe01) }],
  ['bf16', { dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0x7fc1) }],
  ['f8', { dtype: 'F8_E4M3', shape: [2], data: Uint8Array.of(0x38, 0xff) }],
  ['i32', { dtype: 'I32', shape: [], data: Int32Array.of(-70000) }],
  ['u32', { dtype: 'U32', shape: [1], data: Uint32Array.of(4e9) }],
  ['f32', { dtype: 'F32', shape: [2, 1], data: Float32Array.of(1.5, Number.NEGATIVE_INFINITY) }],
  ['f64', { dtype: 'F64', shape: [1], data: Float64Array.of(Math.PI) }],
  ['i64', { dtype: 'I64', shape: [1], data: BigInt64Array.of(-(2n ** 60n)) }],
  ['u64', { dtype: 'U64', shape: [1], data: BigUint64Array.of(2n ** 63n) }],
  ['none', { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) }],
]

describe('writing and reading', () => {
  it('gives back every dtype, shape and byte', async () => {
    const path = join(folder, 'all.safetensors')
    await writeSafetensors(path, everyDtype, { format: 'pt', 'ключ "1"': 'line\nbreak' })
    const { tensors, metadata } = await readSafetensors(path)
    expect(metadata).toEqual({ format: 'pt', 'ключ "1"': 'line\nbreak' })
    expect(Object.fromEntries(tensors)).toEqual(Object.fromEntries(everyDtype))
  })

  it('stores NaN payloads untouched', () => {
    const bits = Uint32Array.of(0x7fc00001, 0xff812345)
    const bytes = encodeSafetensors([['nan', { dtype: 'F32', shape: [2], data: new Float32Array(bits.buffer) }]])
    const back = decodeSafetensors(bytes).tensors.get('nan')!
    expect(new Uint32Array(back.data.buffer)).toEqual(bits)
  })

  it('writes the bytes that the reference implementation writes (safetensors 0.8, Python)', () => {
    const bytes = encodeSafetensors(
      [
        ['b', { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) }],
        ['i', { dtype: 'I64', shape: [1], data: BigInt64Array.of(3n) }],
        ['h', { dtype: 'F16', shape: [1], data: Uint16Array.of(0x3c00) }],
        ['a', { dtype: 'F32', shape: [], data: Float32Array.of(4) }],
      ],
      { format: 'pt' },
    )
    const header =
      '{"__metadata__":{"format":"pt"},"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
      '"a":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},' +
      '"h":{"dtype":"F16","shape":[1],"data_offsets":[20,22]}}'
    const length = Math.ceil(header.length / 8) * 8
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + length))).toBe(header.padEnd(length, ' '))
    expect([...bytes.subarray(0, 8)]).toEqual([length & 255, length >> 8, 0, 0, 0, 0, 0, 0])
    expect([...bytes.subarray(8 + length)]).toEqual([
      ...[3, 0, 0, 0, 0, 0, 0, 0],
      ...[0, 0, 0x80, 0x40],
      ...[0, 0, 0x80, 0x3f, 0, 0, 0, 0x40],
      ...[0, 0x3c],
    ])
  })

  it('writes the same bytes whatever the order of tensors and metadata', () => {
    const forward = encodeSafetensors(everyDtype, { a: '1', b: '2' })
    expect(encodeSafetensors([...everyDtype].reverse(), { b: '2', a: '1' })).toEqual(forward)
    const again = decodeSafetensors(forward)
    expect(encodeSafetensors(again.tensors, again.metadata)).toEqual(forward)
  })

  it('round-trips any tensors under any names', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => text !== '__metadata__')
    const tensor = fc
      .tuple(fc.uint8Array({ maxLength: 24 }), fc.constantFrom('U8', 'BOOL', 'F8_E5M2'))
      .map(([data, dtype]) => ({ data, shape: [data.length], dtype }) as HostTensor)
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, tensor), { selector: ([key]) => key }),
        fc.dictionary(name, name),
        (list, metadata) => {
          const bytes = encodeSafetensors(list, metadata)
          const back = decodeSafetensors(bytes)
          expect(new Map(back.tensors)).toEqual(new Map(list))
          expect({ ...back.metadata }).toEqual({ ...metadata })
          expect(encodeSafetensors(back.tensors, back.metadata)).toEqual(bytes)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('refuses tensors that contradict themselves, and leaves no file', async () => {
    const data = Float32Array.of(1, 2)
    const path = join(folder, 'refused.safetensors')
    const write = (...tensors: [string, HostTensor][]) => writeSafetensors(path, tensors)
    await expect(write(['w', { dtype: 'F32', shape: [3], data }])).rejects.toThrow("'w' has 2 elements")
    await expect(write(['w', { dtype: 'F64', shape: [2], data }])).rejects.toThrow('held in a Float32Array')
    await expect(
      write(['w', { dtype: 'F32', shape: [2], data }], ['w', { dtype: 'F32', shape: [2], data }]),
    ).rejects.toThrow('twice')
    await expect(write(['__metadata__', { dtype: 'F32', shape: [2], data }])).rejects.toThrow('cannot be the name')
    await expect(write(['\ud800', { dtype: 'F32', shape: [2], data }])).rejects.toThrow('cannot be the name')
    expect((await readdir(folder)).filter((name) => name.includes('refused'))).toEqual([])
  })
})

describe('what is refused, by name', () => {
  it.each<[string, Uint8Array, string | RegExp]>([
    ['an empty file', new Uint8Array(0), '0 bytes, too few'],
    ['a header longer than the file', fileOf('{}').subarray(0, 9), 'claims 2 bytes, but only 1 follow'],
    [
      'a header over 100 MB',
      Uint8Array.of(1, 0xe1, 0xf5, 5, 0, 0, 0, 0, 0x7b),
      '100000001 bytes, more than the 100000000',
    ],
    ['a header of 2^64 - 1 bytes', new Uint8Array(16).fill(255), '18446744073709551615 bytes'],
    ['a header that is a list', fileOf('[]'), 'not a JSON object'],
    ['a header that begins with a space', fileOf(' {}'), 'not a JSON object'],
    ['a header of zero bytes', fileOf(''), 'not a JSON object'],
    ['a header with text after it', fileOf('{}x'), 'text follows'],
    ['a header that is not UTF-8', fileOf('{"a":1}').map((byte) => (byte === 0x61 ? 0xff : byte)), 'not UTF-8'],
    [
      'a key that comes twice',
      fileOf('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}'),
      '"a" comes twice',
    ],
    ['a key that comes twice, escaped', fileOf('{"__metadata__":{"a":"","\\u0061":""}}'), '"a" comes twice'],
    ['metadata that is not strings', fileOf({ __metadata__: { a: 1 } }), "'a' that is not a string"],
    ['metadata that is not an object', fileOf({ __metadata__: [] }), '__metadata__ is not an object'],
    ['an entry that is not an object', fileOf({ w: 3 }), "'w' is not an object"],
    [
      'an unknown dtype',
      fileOf({ w: { dtype: 'F31', shape: [0], data_offsets: [0, 0] } }),
      `'w' has the unknown dtype "F31"`,
    ],
    [
      'a dtype of the prototype',
      fileOf({ w: { dtype: 'toString', shape: [], data_offsets: [0, 0] } }),
      'unknown dtype',
    ],
    ['no dtype', fileOf({ w: { shape: [0], data_offsets: [0, 0] } }), 'unknown dtype null'],
    ['no shape', fileOf({ w: { dtype: 'F32', data_offsets: [0, 0] } }), "'w' has no shape"],
    ['three offsets', fileOf({ w: { dtype: 'U8', shape: [0], data_offsets: [0, 0, 0] } }), "'w' has no pair"],
    ['a negative size', fileOf({ w: f32([-1], 0, 4) }, 4), '-1 is not an integer'],
    ['a fractional offset', fileOf({ w: f32([1], 0, 4.5) }, 5), '4.5 is not an integer'],
    [
      'an offset beyond 2^53',
      fileOf('{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,9007199254740993]}}'),
      'not an integer',
    ],
    ['offsets in reverse', fileOf({ w: f32([1], 4, 0) }, 4), "'w' at [4, 0] ends before it begins"],
    [
      'a shape that does not fit its bytes',
      fileOf({ w: f32([2], 0, 4) }, 4),
      "'w' of shape [2] and dtype F32 needs 8 bytes",
    ],
    ['a shape that overflows', fileOf({ w: f32([2 ** 40, 2 ** 40, 0], 0, 0) }), "'w' of shape"],
    ['ranges that overlap', fileOf({ v: f32([1], 0, 4), w: f32([1], 2, 6) }, 6), "'w' at [2, 6] overlaps"],
    ['the same range twice', fileOf({ v: f32([1], 0, 4), w: f32([1], 0, 4) }, 4), "'w' at [0, 4] overlaps"],
    ['a hole', fileOf({ v: f32([1], 0, 4), w: f32([1], 8, 12) }, 12), "Bytes 4 to 8, before tensor 'w'"],
    ['a hole at the start', fileOf({ w: f32([1], 4, 8) }, 8), 'Bytes 0 to 4'],
    ['data past the last tensor', fileOf({ w: f32([1], 0, 4) }, 6), 'last 2 bytes belong to no tensor'],
    ['a tensor past the end', fileOf({ w: f32([2], 0, 8) }, 6), "'w' at [0, 8] ends past the 6 bytes"],
    ['deep nesting', fileOf(`{"w":{"x":${'['.repeat(50_000)}`), 'nested too deeply'],
  ])('%s', (_, bytes, message) => {
    const error = refusal(bytes)
    expect(error.message).toMatch(message)
    expect(error.file).toBe('x.safetensors')
  })

  it('names the tensor in the field of the error', () => {
    expect(refusal(fileOf({ 'encoder.weight': f32([2], 0, 4) }, 4)).field).toBe('encoder.weight')
  })

  it('a file that lost its end', async () => {
    const path = join(folder, 'cut.safetensors')
    await writeSafetensors(path, everyDtype)
    const { length } = await readFile(path)
    await truncate(path, length - 1)
    await expect(readSafetensors(path)).rejects.toThrow(/ends past/)
  })

  it('a file that is missing, and a folder', async () => {
    await expect(readSafetensors(join(folder, 'no.safetensors'))).rejects.toThrow('There is no such file.')
    await expect(readSafetensors(folder)).rejects.toThrow(CheckpointError)
  })

  it('any damage to a good file either leaves it well-formed or gives a CheckpointError', () => {
    const good = encodeSafetensors(everyDtype, { format: 'pt' })
    const headerEnd = good.length - 70
    const change = fc.tuple(fc.nat(headerEnd), fc.nat(255))
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.nat(good.length),
        fc.boolean(),
        (changes, length, cut) => {
          const bytes = good.slice(0, cut ? length : good.length)
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
          try {
            const { tensors } = decodeSafetensors(bytes)
            for (const { data, shape } of tensors.values()) expect(data.length).toBe(shape.reduce((a, b) => a * b, 1))
          } catch (error) {
            expect(error).toBeInstanceOf(CheckpointError)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('any JSON as the header', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (header) => {
        try {
          decodeSafetensors(fileOf(header))
        } catch (error) {
          expect(error).toBeInstanceOf(CheckpointError)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('SafetensorsReader', () => {
  it('reads a tensor that lies beyond 2 and 4 GiB of a sparse file', async () => {
    const path = join(folder, 'large.safetensors')
    const filler = 5 * 2 ** 30
    const header = fileOf({
      filler: { dtype: 'U8', shape: [filler], data_offsets: [0, filler] },
      last: f32([2], filler, filler + 8),
    })
    await writeFile(path, header)
    const handle = await open(path, 'r+')
    await handle.write(new Uint8Array(Float32Array.of(1.25, -3).buffer), 0, 8, header.length + filler)
    await handle.close()
    const reader = await SafetensorsReader.open(path)
    expect((await reader.read('last')).data).toEqual(Float32Array.of(1.25, -3))
    await expect(reader.read('first')).rejects.toThrow("There is no tensor 'first'")
    await reader.close()
    await rm(path)
  })
})
