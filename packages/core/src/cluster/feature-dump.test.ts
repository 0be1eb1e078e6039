import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import type { FeatureFrames } from '../features/index'
import { HostRng } from '../random/index'
import { Codebook } from './codebook'
import { dumpLabels } from './dump-labels'
import { concatenateDumps, FeatureDump } from './feature-dump'
import { kMeans } from './k-means'
import { npyHeader, npyHeaderBytes, parseNpyHeader } from './npy'
import { featureDumpName, writeFeatureDump } from './write-feature-dump'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babble-dumps-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Utterances of these many frames; each number tells where it is. */
const utterances = (lengths: readonly number[], dim: number, first = 0): FeatureFrames[] => {
  let at = first
  return lengths.map((frames) => ({
    data: Float32Array.from({ length: frames * dim }, () => at++),
    frames,
    dim,
  }))
}

const all = async (source: { chunks(frames: number): AsyncIterable<{ data: Float32Array }> }, size: number) => {
  const values: number[][] = []
  for await (const { data } of source.chunks(size)) values.push([...data])
  return values
}

/** A `.npy` file of version 1 as numpy.save writes it, with this header and data. */
const npy = (description: string, data: Uint8Array, version = 1): Uint8Array => {
  const prefix = version === 1 ? 10 : 12
  const padding = ' '.repeat((64 - ((prefix + description.length + 1) % 64)) % 64)
  const text = Buffer.from(`${description}${padding}\n`, 'latin1')
  const head = Buffer.alloc(prefix)
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0])
  if (version === 1) head.writeUInt16LE(text.length, 8)
  else head.writeUInt32LE(text.length, 8)
  return Buffer.concat([head, text, data])
}

const floats = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer)
const header = (shape: string, type = '<f4') => `{'descr': '${type}', 'fortran_order': False, 'shape': ${shape}, }`

describe('feature dumps', () => {
  it('gives back what was written, by chunk, by utterance and by run', async () => {
    const written = utterances([3, 0, 5, 1], 2)
    const path = join(folder, featureDumpName('train', 1, 4))
    expect(await writeFeatureDump(path, written)).toEqual({ utterances: 4, frames: 9, dim: 2 })
    expect(await readFile(`${path}.len`, 'utf8')).toBe('3\n0\n5\n1\n')
    await using dump = await FeatureDump.open(path)
    expect([dump.utterances, dump.frames, dump.dim]).toEqual([4, 9, 2])
    expect(await dump.utterance(2)).toEqual(written[2])
    const numbers = [...Array(18).keys()]
    for (const size of [1, 2, 4, 9, 100]) {
      const chunks = await all(dump, size)
      expect(chunks.flat()).toEqual(numbers)
      expect(chunks.slice(0, -1).every((chunk) => chunk.length === 2 * size)).toBe(true)
    }
    const into = new Float32Array(8)
    await dump.gather(
      [
        [7, 2],
        [0, 1],
        [4, 1],
      ],
      into,
    )
    expect([...into]).toEqual([14, 15, 16, 17, 0, 1, 8, 9])
  })

  it('writes files that numpy.load would read: header of 128 bytes, version 1', async () => {
    const path = join(folder, 'header')
    await writeFeatureDump(path, utterances([2], 3))
    const bytes = await readFile(`${path}.npy`)
    expect(bytes.length).toBe(128 + 24)
    expect(bytes.subarray(10, 128).toString('latin1').trimEnd()).toBe(header('(2, 3)'))
    expect(bytes[127]).toBe(0x0a)
  })

  it('writes utterances larger than its buffer', async () => {
    const path = join(folder, 'large')
    const written = utterances([10, 40_000, 10], 8)
    await writeFeatureDump(path, written)
    await using dump = await FeatureDump.open(path)
    for (const [i, utterance] of written.entries()) expect(await dump.utterance(i)).toEqual(utterance)
  })

  it('leaves nothing behind when the features fail half-way, and refuses features of two kinds', async () => {
    const path = join(folder, 'broken', 'part')
    const failing = async function* () {
      yield* utterances([1000], 3)
      throw new Error('the recording is broken')
    }
    await expect(writeFeatureDump(path, failing())).rejects.toThrow('the recording is broken')
    await expect(writeFeatureDump(path, [...utterances([2], 3), ...utterances([2], 4)])).rejects.toThrow('frames of 4')
    await expect(writeFeatureDump(path, [])).rejects.toThrow('no utterance')
    expect(await readdir(join(folder, 'broken'))).toEqual([])
  })

  it('reads what numpy.save writes: half and double precision, headers of version 2', async () => {
    const file = join(folder, 'numpy.npy')
    await writeFile(file, npy(header('(2, 2)', '<f8'), new Uint8Array(Float64Array.of(1, -2, 0.5, 1e300).buffer)))
    await using doubles = await FeatureDump.open(file)
    expect(await all(doubles, 2)).toEqual([[1, -2, 0.5, Number.POSITIVE_INFINITY]])
    await writeFile(
      file,
      npy(header('(1, 3)', '<f2'), new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x3555).buffer), 2),
    )
    await using halves = await FeatureDump.open(file)
    expect(await all(halves, 2)).toEqual([[1, -2, 0.333251953125]])
  })

  it('joins dumps, and refuses those of other features', async () => {
    const paths = ['a', 'b', 'c', 'other'].map((name) => join(folder, name))
    await writeFeatureDump(paths[0]!, utterances([2, 1], 2))
    await writeFeatureDump(paths[1]!, utterances([0], 2))
    await writeFeatureDump(paths[2]!, utterances([4], 2, 6))
    await writeFeatureDump(paths[3]!, utterances([4], 3))
    const dumps = await Promise.all(paths.map((path) => FeatureDump.open(path)))
    const source = concatenateDumps(dumps.slice(0, 3))
    expect((await all(source, 2)).flat()).toEqual([...Array(14).keys()])
    const into = new Float32Array(10)
    await source.gather(
      [
        [2, 3],
        [0, 2],
      ],
      into,
    )
    expect([...into]).toEqual([4, 5, 6, 7, 8, 9, 0, 1, 2, 3])
    expect(source.place(4)).toEqual({ file: `${paths[2]}.npy`, frame: 1 })
    expect(() => concatenateDumps(dumps)).toThrow('other.npy: frames have 3 numbers')
    for (const dump of dumps) await dump.close()
  })

  it.each([
    ['is no .npy file', 'PK\u0003\u0004 something else', '1\n'],
    ['other than the frames', npy(header('(2, 2)'), floats([1, 2, 3])), '2\n', 'not the 12 bytes that follow'],
    ['one axis', npy(header('(2,)'), floats([1, 2])), '2\n', 'features have (frames, dim)'],
    ['Fortran order', npy(header('(1, 2)').replace('False', 'True'), floats([1, 2])), '1\n', 'Fortran order'],
    ['integers', npy(header('(1, 2)', '<i4'), floats([1, 2])), '1\n', '"<i4" are not read'],
    ['big-endian', npy(header('(1, 2)', '>f4'), floats([1, 2])), '1\n', '">f4" are not read'],
    [
      'code in the header',
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os'), 2), }", floats([1, 2])),
      '1\n',
      'another kind',
    ],
    ['a shape that overflows', npy(header('(4611686018427387904, 4)'), floats([])), '', 'header says|whole number'],
    ['a huge array', npy(header('(999999999999999, 2)'), floats([1, 2])), '1\n', 'not the 8 bytes that follow'],
    [
      'a key twice',
      npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", floats([1, 2])),
      '1\n',
      '"descr" twice',
    ],
    ['a key too few', npy("{'descr': '<f4', 'shape': (1, 2), }", floats([1, 2])), '1\n', 'lacks'],
    ['lengths of other frames', npy(header('(1, 2)'), floats([1, 2])), '2\n', 'add up to 2 frames'],
    ['lengths that are none', npy(header('(1, 2)'), floats([1, 2])), '1\nx\n', 'line 2 is no number'],
    ['an empty length', npy(header('(1, 2)'), floats([1, 2])), '1\n\n', 'line 2 is no number'],
    ['a negative length', npy(header('(1, 2)'), floats([1, 2])), '2\n-1\n', 'line 2 is no number'],
  ])('refuses %s', async (_, bytes, lengths, message = 'no .npy file') => {
    const path = join(folder, 'refused')
    await writeFile(`${path}.npy`, bytes)
    await writeFile(`${path}.len`, lengths)
    const opening = FeatureDump.open(path)
    await expect(opening).rejects.toThrow(DataError)
    await expect(opening).rejects.toThrow(new RegExp(message.replace(/[()]/g, '\\$&')))
    await expect(opening).rejects.toThrow('refused')
  })

  it('takes 10,000 mutated headers for what they are or refuses them by name', () => {
    const rng = new HostRng(11, 'npy')
    const originals = [
      npyHeader(7, 3),
      npy(header('(7, 3)'), new Uint8Array()),
      npy(header('(7, 3)'), new Uint8Array(), 2),
    ]
    const words = ['(', ')', "'", ',', '{', '}', '\\', '9999999999', 'True', '<f8', '-1', '\0']
    let taken = 0
    for (let round = 0; round < 10_000; round++) {
      let bytes = Buffer.from(originals[rng.int(originals.length)]!)
      for (let change = rng.int(4); change > 0; change--) {
        const at = rng.int(bytes.length)
        const kind = rng.int(4)
        if (kind === 0) bytes[at] = rng.int(256)
        else if (kind === 1) bytes = bytes.subarray(0, Math.max(1, at))
        else if (kind === 2)
          bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(words[rng.int(words.length)]!), bytes.subarray(at)])
        else bytes.write(words[rng.int(words.length)]!, at, 'latin1')
      }
      const size = bytes.length + [0, 84, 168, 1e6][rng.int(4)]!
      try {
        const { type, shape, dataStart } = parseNpyHeader(bytes.subarray(0, npyHeaderBytes), size, 'mutated.npy')
        const elements = shape.reduce((product, n) => product * n, 1)
        expect(dataStart + elements * { '<f4': 4, '<f2': 2, '<f8': 8 }[type]).toBe(size)
        taken++
      } catch (error) {
        if (!(error instanceof DataError)) throw error
        expect(error.file).toBe('mutated.npy')
      }
    }
    expect(taken).toBeGreaterThan(100)
  })
})

describe.each(enginesUnderTest())('labels on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('writes a line for each utterance of each dump, in order', async () => {
    const part = (values: readonly (readonly number[])[]): FeatureFrames[] =>
      values.map((data) => ({ data: Float32Array.from(data), frames: data.length, dim: 1 }))
    const first = [[0, 10, 21], [], [9]]
    const second = [[], [20, 20, 1, 2], []]
    await writeFeatureDump(join(folder, 'km_0_2'), part(first))
    await writeFeatureDump(join(folder, 'km_1_2'), part(second))
    await using a = await FeatureDump.open(join(folder, 'km_0_2'))
    await using b = await FeatureDump.open(join(folder, 'km_1_2'))
    const codebook = new Codebook(Float32Array.of(0, 10, 20), 1)
    for (const chunkFrames of [1, 3, 100]) {
      const file = join(folder, 'train.km')
      expect(await dumpLabels(codebook, [a, b], file, { chunkFrames })).toEqual({ utterances: 6, frames: 8 })
      expect(await readFile(file, 'utf8')).toBe('0 1 2\n\n1\n\n2 2 0 0\n\n')
    }
    const wrong = new Codebook(Float32Array.of(0, 10), 2)
    await expect(dumpLabels(wrong, [a], join(folder, 'x.km'))).rejects.toThrow(
      "frames have 1 numbers, the codebook's centroids 2",
    )
  })

  it('clusters from disk as from memory, bit for bit, and keeps the codebook', async () => {
    const rng = new HostRng(3)
    const data = Float32Array.from({ length: 500 * 4 }, () => rng.normal())
    const path = join(folder, 'cluster')
    await writeFeatureDump(path, [{ data, frames: 500, dim: 4 }])
    await using dump = await FeatureDump.open(path)
    const options = { clusters: 6, maxIterations: 5, chunkFrames: 128 }
    const fromDisk = await kMeans(dump, options)
    const inMemory = await kMeans(concatenateDumps([dump]), options)
    expect(fromDisk.codebook.centroids).toEqual(inMemory.codebook.centroids)
    const file = join(folder, 'codebook.safetensors')
    await fromDisk.codebook.save(file)
    const loaded = await Codebook.load(file)
    expect(loaded.centroids).toEqual(fromDisk.codebook.centroids)
    expect(loaded.metadata).toMatchObject({ algorithm: 'lloyd', seed: '0', frames: '500', iterations: '5' })
    await expect(Codebook.load(`${path}.npy`)).rejects.toThrow('cluster.npy')
  })

  it('names the file and frame of a number that is not finite', async () => {
    const path = join(folder, 'nan')
    const data = new Float32Array(40).map((_, i) => (i === 33 ? Number.NaN : i))
    await writeFeatureDump(path, [{ data, frames: 20, dim: 2 }])
    await using dump = await FeatureDump.open(path)
    const running = kMeans(dump, { clusters: 2, init: Float32Array.of(0, 0, 9, 9), chunkFrames: 7 })
    await expect(running).rejects.toThrow(/nan\.npy: frame 16 holds NaN/)
  })
})
