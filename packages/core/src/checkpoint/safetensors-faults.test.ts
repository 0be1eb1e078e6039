import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CheckpointError } from '../errors'
import { fromFloat32 } from './convert'
import { countAllocations, damagedCopies } from './hostile.fixture'
import { decodeSafetensors, encodeSafetensors, readSafetensors, SafetensorsReader } from './safetensors'
import { SafetensorsError, type SafetensorsFault } from './safetensors-fault'

/** A file with this header and this many bytes of data. */
const fileOf = (header: string | Uint8Array | object, dataBytes = 0): Uint8Array => {
  const text = header instanceof Uint8Array ? header : undefined
  const json = text ?? new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const out = new Uint8Array(8 + json.length + dataBytes)
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true)
  out.set(json, 8)
  return out
}
const f32 = (shape: number[], begin: number, end: number) => ({ dtype: 'F32', shape, data_offsets: [begin, end] })
const f32Text = (offsets: string, shape = '[1]') => `{"w":{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}}`
const header100MB = Uint8Array.of(1, 0xe1, 0xf5, 5, 0, 0, 0, 0, 0x7b)

/**
 * Each fault of the format, a file that has it, and whether the reference implementation (Python's safetensors 0.8) refuses that file
 * too.
 */
const faults: [SafetensorsFault, string, Uint8Array, 'both' | 'only Babble'][] = [
  ['file-too-small', 'nothing', new Uint8Array(0), 'both'],
  ['file-too-small', 'seven bytes', new Uint8Array(7), 'both'],
  ['header-too-large', 'a header over 100 MB', header100MB, 'both'],
  ['header-too-large', 'a header of 2^64 - 1 bytes', new Uint8Array(16).fill(255), 'both'],
  ['header-truncated', 'a header longer than the file', fileOf('{}').subarray(0, 9), 'both'],
  ['header-not-utf8', 'a header that is not UTF-8', fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a)), 'both'],
  ['header-not-json', 'a header cut short', fileOf('{"a"'), 'both'],
  ['header-not-json', 'text after the header', fileOf('{}x'), 'both'],
  ['header-not-json', 'NaN', fileOf('{"w":{"x":NaN}}'), 'both'],
  ['header-not-json', 'endless nesting', fileOf(`{"w":{"x":${'['.repeat(50_000)}`), 'both'],
  ['header-not-object', 'a list', fileOf('[]'), 'both'],
  ['header-not-object', 'a string', fileOf('"x"'), 'both'],
  ['header-not-object', 'an empty header', fileOf(''), 'both'],
  ['header-not-object', 'white space first', fileOf(' {}'), 'only Babble'],
  ['duplicate-key', 'a tensor twice', fileOf(`{"a":${JSON.stringify(f32([0], 0, 0))},"a":{}}`), 'both'],
  [
    'duplicate-key',
    'a tensor twice, the same both times',
    fileOf(`{"a":${JSON.stringify(f32([0], 0, 0))},"a":${JSON.stringify(f32([0], 0, 0))}}`),
    'only Babble',
  ],
  ['duplicate-key', 'metadata twice', fileOf('{"__metadata__":{"a":"1"},"__metadata__":{"a":"2"}}'), 'both'],
  [
    'duplicate-key',
    'a key of the metadata twice, once escaped',
    fileOf('{"__metadata__":{"a":"","\\u0061":""}}'),
    'only Babble',
  ],
  ['duplicate-key', 'two shapes', fileOf('{"w":{"dtype":"U8","shape":[1],"shape":[0],"data_offsets":[0,0]}}'), 'both'],
  ['metadata-not-object', 'metadata that is a list', fileOf({ __metadata__: ['a'] }), 'both'],
  ['metadata-not-object', 'metadata that is null', fileOf({ __metadata__: null }), 'only Babble'],
  ['metadata-not-object', 'metadata that is a string', fileOf({ __metadata__: 'a' }), 'both'],
  ['metadata-not-string', 'a tensor of the name __metadata__', fileOf({ __metadata__: f32([1], 0, 4) }, 4), 'both'],
  ['metadata-not-string', 'a number in the metadata', fileOf({ __metadata__: { a: 1 } }), 'both'],
  ['metadata-not-string', 'null in the metadata', fileOf({ __metadata__: { a: null } }), 'both'],
  ['bad-entry', 'an entry that is a number', fileOf({ w: 3 }), 'both'],
  ['bad-entry', 'no shape', fileOf({ w: { dtype: 'F32', data_offsets: [0, 0] } }), 'both'],
  ['bad-entry', 'no offsets', fileOf({ w: { dtype: 'F32', shape: [0] } }), 'both'],
  ['bad-entry', 'three offsets', fileOf({ w: { dtype: 'U8', shape: [0], data_offsets: [0, 0, 0] } }), 'both'],
  ['bad-entry', 'a shape that is text', fileOf({ w: { dtype: 'U8', shape: 'x', data_offsets: [0, 0] } }), 'both'],
  ['bad-entry', 'a shape of texts', fileOf({ w: { dtype: 'U8', shape: ['1'], data_offsets: [0, 1] } }, 1), 'both'],
  ['bad-entry', 'a thousand sizes', fileOf({ w: f32(Array(1000).fill(1), 0, 4) }, 4), 'only Babble'],
  ['unknown-dtype', 'F31', fileOf({ w: { dtype: 'F31', shape: [0], data_offsets: [0, 0] } }), 'both'],
  ['unknown-dtype', 'no dtype', fileOf({ w: { shape: [0], data_offsets: [0, 0] } }), 'both'],
  [
    'unknown-dtype',
    'a dtype of JavaScript',
    fileOf({ w: { dtype: 'toString', shape: [], data_offsets: [0, 0] } }),
    'both',
  ],
  ['unknown-dtype', 'half bytes', fileOf({ w: { dtype: 'F4', shape: [2], data_offsets: [0, 1] } }, 1), 'only Babble'],
  ['overflow', 'an offset beyond 2^53', fileOf(f32Text('[0,9007199254740993]'), 4), 'both'],
  ['overflow', 'an offset of 2^64 + 4', fileOf(f32Text('[0,18446744073709551620]'), 4), 'both'],
  ['overflow', 'a negative size', fileOf({ w: f32([-1], 0, 4) }, 4), 'both'],
  ['overflow', 'a fractional offset', fileOf({ w: f32([1], 0, 4.5) }, 5), 'both'],
  ['overflow', 'an exponent', fileOf(f32Text('[0,4e0]'), 4), 'both'],
  ['overflow', 'a shape whose product overflows', fileOf({ w: f32([2 ** 40, 2 ** 40], 0, 0) }), 'both'],
  ['overflow', 'a product that overflows on its way to 0', fileOf({ w: f32([2 ** 40, 2 ** 40, 0], 0, 0) }), 'both'],
  ['overflow', 'a product that wraps round to its range', fileOf(f32Text('[0,4]', '[4611686018427387905]'), 4), 'both'],
  ['offsets-reversed', 'offsets in reverse', fileOf({ w: f32([1], 4, 0) }, 4), 'both'],
  ['size-mismatch', 'a shape that does not fit its bytes', fileOf({ w: f32([2], 0, 4) }, 4), 'both'],
  ['size-mismatch', 'a scalar without bytes', fileOf({ w: f32([], 0, 0) }), 'both'],
  ['overlap', 'ranges that overlap', fileOf({ v: f32([1], 0, 4), w: f32([1], 2, 6) }, 6), 'both'],
  ['overlap', 'the same range twice', fileOf({ v: f32([1], 0, 4), w: f32([1], 0, 4) }, 4), 'both'],
  ['overlap', 'one inside another', fileOf({ v: f32([3], 0, 12), w: f32([1], 4, 8) }, 12), 'both'],
  ['hole', 'a hole', fileOf({ v: f32([1], 0, 4), w: f32([1], 8, 12) }, 12), 'both'],
  ['hole', 'a hole at the start', fileOf({ w: f32([1], 4, 8) }, 8), 'both'],
  ['past-end', 'a tensor past the end', fileOf({ w: f32([2], 0, 8) }, 6), 'both'],
  ['past-end', 'a file without its data', fileOf({ w: f32([1], 0, 4) }), 'both'],
  ['trailing-bytes', 'bytes after the last tensor', fileOf({ w: f32([1], 0, 4) }, 6), 'both'],
  ['trailing-bytes', 'bytes and no tensor', fileOf('{}', 1), 'both'],
]

const fault = (bytes: Uint8Array): string => {
  try {
    decodeSafetensors(bytes, 'x.safetensors')
    return 'accepted'
  } catch (error) {
    expect(error).toBeInstanceOf(SafetensorsError)
    expect(error).toBeInstanceOf(CheckpointError)
    expect((error as SafetensorsError).file).toBe('x.safetensors')
    return (error as SafetensorsError).fault
  }
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-faults-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('each fault of the format has a name', () => {
  it.each(faults)('%s: %s', (name, _, bytes) => {
    expect(fault(bytes)).toBe(name)
  })

  it('and unknown fields of an entry are none, nor is white space', () => {
    const text = '{ "w" : { "dtype":"U8", "shape":[ ], "new":[{"a":-1.5e3},null], "data_offsets":[0, 1] } }  '
    expect(fault(fileOf(text, 1))).toBe('accepted')
  })
})

const python = process.env.BABBLE_PYTHON

describe.skipIf(!python)('Python safetensors (BABBLE_PYTHON)', () => {
  it('refuses the same files but those that only Babble refuses', async () => {
    for (const [i, [, , bytes]] of faults.entries()) await writeFile(join(folder, `${i}.safetensors`), bytes)
    const script = `
import sys, json
from safetensors import safe_open
out = []
for i in range(${faults.length}):
    try:
        with safe_open(f"${folder}/{i}.safetensors", "np"): out.append("only Babble")
    except BaseException as error: out.append("both")
print(json.dumps(out))`
    const { stdout, stderr } = spawnSync(python!, ['-c', script], { encoding: 'utf8' })
    const found = JSON.parse(stdout || `"${stderr}"`) as string[]
    const named = (verdicts: readonly string[]) => faults.map(([name, what], i) => `${name}: ${what}: ${verdicts[i]}`)
    expect(named(found)).toEqual(named(faults.map(([, , , who]) => who)))
  })
})

describe('10,000 damaged files', () => {
  it('are well-formed or refused with a typed error that names the file, and cost at most twice their size', async () => {
    const values = (count: number) => fromFloat32(Float32Array.from({ length: count }, Math.sqrt), [count])
    const originals = [
      encodeSafetensors([['a', values(64)]], { format: 'pt' }),
      encodeSafetensors([
        ['encoder.weight', { ...values(48), shape: [4, 12] }],
        ['encoder.bias', values(4)],
        ['steps', { data: BigInt64Array.of(7n), shape: [], dtype: 'I64' }],
        ['mask', { data: new Uint8Array(33), shape: [3, 11], dtype: 'BOOL' }],
      ]),
    ]
    const words = [
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '9007199254740993',
      '-1',
      '1e9',
      '4294967296',
      '"F64"',
      '"__metadata__":',
      '"shape":',
      '[0,0]',
      '\u0000',
      '"a":{"dtype":"F32","shape":[64],"data_offsets":[0,256]},',
    ]
    const path = join(folder, 'damaged.safetensors')
    const allocations = countAllocations()
    const seen = new Map<string, number>()
    let worst = 0
    try {
      let left = 10_000
      for (const bytes of damagedCopies(originals, 1, words, 220)) {
        if (left-- === 0) break
        // Every twentieth goes through the disk, which takes time.
        const onDisk = left % 20 === 0
        if (onDisk) await writeFile(path, bytes)
        allocations.reset()
        let outcome = 'accepted'
        try {
          const { tensors } = onDisk ? await readSafetensors(path) : decodeSafetensors(bytes, path)
          for (const { data, shape } of tensors.values()) {
            if (data.length !== shape.reduce((a, b) => a * b, 1)) throw new Error('a tensor is not of its shape')
          }
        } catch (error) {
          if (!(error instanceof SafetensorsError)) throw error
          if (error.file !== path) throw new Error('the error does not name the file')
          outcome = error.fault
        }
        // 8 bytes are read before anything is known.
        worst = Math.max(worst, (allocations.bytes() - 8) / Math.max(1, bytes.length))
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
      }
    } finally {
      allocations.stop()
    }
    if (process.env.BABBLE_REPORT_ERRORS) console.log(`allocated at most ${worst.toFixed(2)} times the file`, seen)
    expect(worst).toBeLessThanOrEqual(2)
    // The damage is of all kinds: all faults are met but two that take several changes which fit one another.
    const names = new Set<string>(faults.map(([name]) => name))
    expect([...names].filter((name) => !seen.has(name))).toEqual(['overlap', 'hole'])
    expect(seen.get('accepted')).toBeGreaterThan(100)
  })

  it('of 4 MB of brackets, numbers or commas, build nothing', async () => {
    const before = process.memoryUsage().heapUsed
    const contents = [
      `{"w":{"x":[${'[],'.repeat(1_400_000)}`,
      `{"w":{"shape":[${'0,'.repeat(2_000_000)}`,
      '['.repeat(4_000_000),
    ]
    for (const content of contents) expect(fault(fileOf(content))).not.toBe('accepted')
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64e6)
  })

  it('does not read a header that is not all there', async () => {
    const path = join(folder, 'claims.safetensors')
    const bytes = new Uint8Array(64)
    new DataView(bytes.buffer).setBigUint64(0, 99_999_999n, true)
    await writeFile(path, bytes)
    const allocations = countAllocations()
    await expect(SafetensorsReader.open(path)).rejects.toMatchObject({ fault: 'header-truncated', file: path })
    allocations.stop()
    expect(allocations.bytes()).toBeLessThan(1000)
  })
})
