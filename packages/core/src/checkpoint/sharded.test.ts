import { spawnSync } from 'node:child_process'
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CheckpointError } from '../errors'
import { fromFloat32 } from './convert'
import type { HostTensor, LazyTensor } from './host-tensor'
import { damagedCopies } from './hostile.fixture'
import { openModelDirectory, readModelDirectory, writeModelDirectory } from './model-directory'
import { readSafetensors, SafetensorsReader, writeSafetensors } from './safetensors'
import { planShards } from './sharded-writer'
import { finishStaged, writeStaged } from './staged-directory'
import { lazyTensors } from './tensor-source'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shards-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const config = { model_type: 'wav2vec2' }
/** A tensor of so many bytes, filled with a number. */
const tensor = (bytes: number, value = bytes): HostTensor =>
  fromFloat32(new Float32Array(bytes / 4).fill(value), [bytes / 4])
const names = (shards: readonly (readonly (readonly [string, unknown])[])[]) =>
  shards.map((shard) => shard.map(([name]) => name).join(''))

describe("Hugging Face's rule of shards", () => {
  it('fills shards in order, and gives a tensor above the limit one of its own', () => {
    // What huggingface_hub 1.x gives for [6, 6, 2, 6, 2, 2] at 10, as its documentation has it.
    const sizes = { a: 24, b: 24, c: 8, d: 24, e: 8, f: 8 }
    const tensors = Object.entries(sizes).map(([name, size]) => [name, tensor(size)] as const)
    expect(names(planShards(tensors, 40))).toEqual(['a', 'bc', 'def'])
    // The large one goes out at once, before the shard that was begun.
    const large = [
      ['x', tensor(8)],
      ['y', tensor(80)],
      ['z', tensor(8)],
    ] as const
    expect(names(planShards(large, 40))).toEqual(['y', 'xz'])
    expect(
      names(
        planShards(
          [
            ['x', tensor(40)],
            ['y', tensor(4)],
          ],
          40,
        ),
      ),
    ).toEqual(['x', 'y'])
    expect(names(planShards([], 40))).toEqual([''])
  })

  it.each([
    [1000, 1000],
    ['1KB', 1000],
    ['0.5 MB', 500_000],
    ['2GB', 2e9],
  ])('takes %s', (size, bytes) => {
    const fits = { dtype: 'U8', shape: [bytes], read: () => tensor(4) } as const
    expect(
      names(
        planShards<LazyTensor>(
          [
            ['a', fits],
            ['b', { ...fits, shape: [1] }],
          ],
          size,
        ),
      ),
    ).toEqual(['a', 'b'])
    expect(
      names(
        planShards<LazyTensor>(
          [
            ['a', { ...fits, shape: [bytes - 1] }],
            ['b', { ...fits, shape: [1] }],
          ],
          size,
        ),
      ),
    ).toEqual(['ab'])
  })

  it.each([0, -5, 1.5, '5', '5 GiB', 'all', '0GB'])('refuses %s as a size', (size) => {
    expect(() => planShards([], size)).toThrow(CheckpointError)
  })
})

describe('sharded models', () => {
  const tensors = [
    ['encoder.a', tensor(40, 1)],
    ['encoder.b', tensor(40, 2)],
    ['head', tensor(8, 3)],
  ] as const

  it('are written with an index and read back', async () => {
    const dir = join(folder, 'model')
    await writeModelDirectory(dir, { config, tensors, maxShardSize: 50 })
    expect((await readdir(dir)).sort()).toEqual([
      'COMMIT',
      'config.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ])
    expect(JSON.parse(await readFile(join(dir, 'model.safetensors.index.json'), 'utf8'))).toEqual({
      metadata: { total_parameters: 22, total_size: 88 },
      weight_map: {
        'encoder.a': 'model-00001-of-00002.safetensors',
        'encoder.b': 'model-00002-of-00002.safetensors',
        head: 'model-00002-of-00002.safetensors',
      },
    })
    const back = await readModelDirectory(dir)
    expect(back.tensors).toEqual(new Map(tensors))
    expect(back.metadata).toEqual({ format: 'pt' })
  })

  it('are read one tensor at a time', async () => {
    const dir = join(folder, 'model')
    await writeModelDirectory(dir, { config, tensors, maxShardSize: 50 })
    await using opened = await openModelDirectory(dir)
    expect(opened.tensors.entries.get('head')).toMatchObject({ dtype: 'F32', shape: [2] })
    expect((await opened.tensors.read('head')).data).toEqual(Float32Array.of(3, 3))
    await expect(opened.tensors.read('tail')).rejects.toThrow("There is no tensor 'tail'")
  })

  it('replace one another whatever the number of shards', async () => {
    const dir = join(folder, 'model')
    for (const foreign of [false, true]) {
      if (foreign) await writeFile(join(dir, 'README.md'), 'mine')
      for (const maxShardSize of [8, 50, '1GB', 50]) {
        await writeModelDirectory(dir, { config: { maxShardSize }, tensors, maxShardSize })
        const { tensors: found, config: read } = await readModelDirectory(dir)
        expect(found).toEqual(new Map(tensors))
        expect(read).toEqual({ maxShardSize })
        const weights = (await readdir(dir)).filter((name) => name.endsWith('.safetensors'))
        expect(weights.length).toBe({ 8: 3, 50: 2 }[maxShardSize] ?? 1)
      }
    }
    expect(await readFile(join(dir, 'README.md'), 'utf8')).toBe('mine')
  })

  it('are read through links, as in the cache of Hugging Face', async () => {
    const dir = join(folder, 'model')
    await writeModelDirectory(dir, { config, tensors, maxShardSize: 50 })
    await mkdir(join(folder, 'blobs'))
    const snapshot = join(folder, 'snapshot')
    await mkdir(snapshot)
    for (const name of await readdir(dir)) {
      await copyFile(join(dir, name), join(folder, 'blobs', `blob-of-${name}`))
      await symlink(join('../blobs', `blob-of-${name}`), join(snapshot, name))
    }
    expect((await readModelDirectory(snapshot)).tensors).toEqual(new Map(tensors))
  })

  const refused: [string, (dir: string) => Promise<void>, RegExp][] = [
    [
      'a shard that is missing',
      (dir) => rm(join(dir, 'model-00002-of-00002.safetensors')),
      /00002-of-00002.safetensors: There is no such file/,
    ],
    [
      'a shard that was cut off',
      (dir) => truncate(join(dir, 'model-00002-of-00002.safetensors'), 200),
      /ends past|claims/,
    ],
    [
      'a shard that is a folder',
      async (dir) => {
        await rm(join(dir, 'model-00002-of-00002.safetensors'))
        await mkdir(join(dir, 'model-00002-of-00002.safetensors'))
      },
      /not a file|cannot be read/,
    ],
    [
      'a link that leads nowhere',
      async (dir) => {
        await rm(join(dir, 'model-00002-of-00002.safetensors'))
        await symlink('nowhere', join(dir, 'model-00002-of-00002.safetensors'))
      },
      /There is no such file/,
    ],
    [
      'a tensor in two shards',
      (dir) => writeSafetensors(join(dir, 'model-00002-of-00002.safetensors'), tensors),
      /holds encoder.a, which the index does not place there/,
    ],
    [
      'shards of another model',
      (dir) => writeSafetensors(join(dir, 'model-00002-of-00002.safetensors'), [tensors[2]]),
      /lacks encoder.b/,
    ],
  ]
  it.each(refused)('refuses %s', async (_, damage, message) => {
    const dir = join(folder, 'model')
    await writeModelDirectory(dir, { config, tensors, maxShardSize: 50 })
    await damage(dir)
    const error = await readModelDirectory(dir).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(CheckpointError)
    expect((error as CheckpointError).message).toMatch(message)
  })

  it.each([
    ['up the tree', '../secret.safetensors'],
    ['an absolute path', '/etc/secret.safetensors'],
    ['with a backslash', '..\\secret.safetensors'],
    ['a drive', 'c:secret.safetensors'],
    ['a hidden file', '.safetensors'],
    ['another kind of file', 'model.pkl'],
    ['a zero byte', 'a\0.safetensors'],
  ])('refuses an index that points %s', async (_, shard) => {
    await writeFile(join(folder, 'config.json'), '{}')
    await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: { a: shard } }))
    await expect(readModelDirectory(folder)).rejects.toThrow('not to a .safetensors file beside it')
  })

  it('refuses an index that names a tensor twice', async () => {
    await writeFile(join(folder, 'config.json'), '{}')
    const text = '{"metadata":{"total_size":1.5},"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}'
    await writeFile(join(folder, 'model.safetensors.index.json'), text)
    await expect(readModelDirectory(folder)).rejects.toThrow('"a" comes twice')
  })
})

describe('1,000 damaged indices', () => {
  it('are read as the model that was saved or refused with a typed error that names a file', async () => {
    const dir = join(folder, 'model')
    const tensors = [
      ['a', tensor(40, 1)],
      ['b', tensor(40, 2)],
    ] as const
    await writeModelDirectory(dir, { config, tensors, maxShardSize: 50 })
    const file = join(dir, 'model.safetensors.index.json')
    const words = [
      '{',
      '}',
      '"',
      ',',
      '"weight_map":',
      '../',
      'model-00001-of-00002.safetensors',
      '"a":',
      '\\u0061',
      'null',
    ]
    let [left, refused] = [1000, 0]
    for (const bytes of damagedCopies([await readFile(file)], 4, words)) {
      if (left-- === 0) break
      await writeFile(file, bytes)
      try {
        expect((await readModelDirectory(dir)).tensors).toEqual(new Map(tensors))
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError)
        expect((error as CheckpointError).file?.startsWith(dir)).toBe(true)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(500)
    expect(refused).toBeLessThan(1000)
  })
})

describe('writing tensor by tensor', () => {
  it('holds one tensor at a time and gives the bytes of writing all at once', async () => {
    const all = Array.from({ length: 5 }, (_, i) => [`t${i}`, tensor(4 * (i + 1))] as const)
    const whole = join(folder, 'whole.safetensors')
    const lazy = join(folder, 'lazy.safetensors')
    await writeSafetensors(whole, all, { format: 'pt' })
    const reads: string[] = []
    const announced = all.map(([name, { dtype, shape, ...rest }]) => {
      const read = async () => {
        reads.push(name)
        return { dtype, shape, ...rest }
      }
      return [name, { dtype, shape, read }] as const
    })
    await writeSafetensors(lazy, announced, { format: 'pt' })
    expect(reads).toEqual(all.map(([name]) => name))
    expect(await readFile(lazy)).toEqual(await readFile(whole))
    // And from one file to another.
    await using reader = await SafetensorsReader.open(lazy)
    await writeSafetensors(join(folder, 'copy.safetensors'), lazyTensors(reader), reader.metadata)
    expect(await readFile(join(folder, 'copy.safetensors'))).toEqual(await readFile(whole))
  })

  it('leaves no file when a tensor fails to come, or comes as another', async () => {
    const path = join(folder, 'x.safetensors')
    const write = (read: () => HostTensor) => writeSafetensors(path, [['a', { dtype: 'F32', shape: [2], read }]])
    const gone = () => {
      throw new RangeError('gone')
    }
    await expect(write(gone)).rejects.toThrow(RangeError)
    await expect(write(() => tensor(12))).rejects.toThrow("'a' was announced as F32 [2] and came as F32 [3]")
    await expect(writeSafetensors(path, [['a', { dtype: 'F32', shape: [-1], read: gone }]])).rejects.toThrow(
      'cannot be',
    )
    expect(await readdir(folder)).toEqual([])
  })
})

describe('a process that died while it replaced a model among other files', () => {
  const old = [
    ['a', tensor(40, 1)],
    ['b', tensor(40, 2)],
  ] as const
  const fresh = [
    ['a', tensor(40, 3)],
    ['b', tensor(40, 4)],
  ] as const

  it('left the old model, or a new one that is finished when it is next opened', async () => {
    await writeFile(join(folder, 'README.md'), 'mine')
    // The staged model as it is just before its files are moved, made by moving them back.
    const stage = async () => {
      const staged = join(folder, '.babble-new-model')
      await writeModelDirectory(staged, { config: { version: 2 }, tensors: fresh, maxShardSize: 50 })
      return (await readdir(staged)).filter((name) => name !== 'COMMIT')
    }
    const order = (files: string[]) =>
      files.sort((x, y) => Number(x.endsWith('index.json')) - Number(y.endsWith('index.json')))
    const count = 4
    for (let moved = 0; moved <= count; moved++) {
      await rm(join(folder, '.babble-new-model'), { recursive: true, force: true })
      await writeModelDirectory(folder, { config: { version: 1 }, tensors: old, maxShardSize: 50 })
      expect((await readModelDirectory(folder)).tensors).toEqual(new Map(old))
      const files = order(await stage())
      expect(files.length).toBe(count)
      for (const name of files.slice(0, moved))
        await rename(join(folder, '.babble-new-model', name), join(folder, name))
      const { tensors, config: read } = await readModelDirectory(folder)
      expect(tensors).toEqual(new Map(fresh))
      expect(read).toEqual({ version: 2 })
      expect((await readdir(folder)).includes('.babble-new-model')).toBe(false)
    }
  })

  it('is moved by one alone, however many open the directory at once', async () => {
    await writeFile(join(folder, 'README.md'), 'mine')
    await writeModelDirectory(folder, { config, tensors: old })
    for (let round = 0; round < 10; round++) {
      await writeModelDirectory(join(folder, '.babble-new-model'), { config: { round }, tensors: fresh })
      const open = async (delay: number) => {
        // A system call later each.
        for (let i = 0; i < delay; i++) await stat(folder)
        await finishStaged(folder)
      }
      await Promise.all(Array.from({ length: 8 }, (_, delay) => open(delay)))
      expect(await readModelDirectory(folder)).toMatchObject({ config: { round }, tensors: new Map(fresh) })
      expect((await readdir(folder)).sort()).toEqual(['README.md', 'config.json', 'model.safetensors'])
    }
  })

  it('is moved on where a process that moved it died', async () => {
    await writeFile(join(folder, 'README.md'), 'mine')
    await writeModelDirectory(folder, { config, tensors: old })
    const dead = spawnSync(process.execPath, ['-e', '']).pid
    const place = `..babble-new-model.${hostname().replace(/[^A-Za-z0-9-]/g, '_')}.${dead}.0123456789ab.claimed`
    await writeModelDirectory(join(folder, place), { config: { version: 2 }, tensors: fresh })
    await rm(join(folder, 'model.safetensors'))
    expect(await readModelDirectory(folder)).toMatchObject({ config: { version: 2 }, tensors: new Map(fresh) })
    expect((await readdir(folder)).sort()).toEqual(['README.md', 'config.json', 'model.safetensors'])
  })

  it('does not touch the old model before the new one is whole', async () => {
    await writeFile(join(folder, 'README.md'), 'mine')
    await writeModelDirectory(folder, { config, tensors: old })
    const before = await stat(join(folder, 'model.safetensors'))
    const failing = writeStaged(folder, async (dir) => {
      await writeSafetensors(join(dir, 'model.safetensors'), fresh)
      throw new RangeError('the disk is on fire')
    })
    await expect(failing).rejects.toThrow(RangeError)
    expect((await stat(join(folder, 'model.safetensors'))).ino).toBe(before.ino)
    expect((await readdir(folder)).sort()).toEqual(['README.md', 'config.json', 'model.safetensors'])
  })
})

describe('PyTorch files in a model directory', () => {
  const fixtures = fileURLToPath(new URL('../../fixtures/torch-files/', import.meta.url))

  it.each(['zip.pt', 'legacy.pt'])('%s is read as pytorch_model.bin, whole and as a shard', async (name) => {
    const { tensors: expected } = await readSafetensors(join(fixtures, 'expected.safetensors'))
    await writeFile(join(folder, 'config.json'), '{}')
    await copyFile(join(fixtures, name), join(folder, 'pytorch_model.bin'))
    const values = (map: ReadonlyMap<string, HostTensor>) => [...map].map(([key, { data }]) => [key, [...data]]).sort()
    expect(values((await readModelDirectory(folder)).tensors)).toEqual(values(expected))
    await rename(join(folder, 'pytorch_model.bin'), join(folder, 'pytorch_model-00001-of-00001.bin'))
    const map = Object.fromEntries([...expected.keys()].map((key) => [key, 'pytorch_model-00001-of-00001.bin']))
    await writeFile(join(folder, 'pytorch_model.bin.index.json'), JSON.stringify({ weight_map: map }))
    expect(values((await readModelDirectory(folder)).tensors)).toEqual(values(expected))
  })

  it('are refused when they would run code', async () => {
    await writeFile(join(folder, 'config.json'), '{}')
    await copyFile(join(fixtures, 'attack-os-system-protocol2.pt'), join(folder, 'pytorch_model.bin'))
    await expect(readModelDirectory(folder)).rejects.toMatchObject({ fault: 'forbidden-global', field: 'posix.system' })
  })
})
