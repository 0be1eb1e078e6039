import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CheckpointError } from '../errors'
import { fromFloat32 } from './convert'
import type { HostTensor } from './host-tensor'
import { readModelDirectory, writeModelDirectory } from './model-directory'
import { writeSafetensors } from './safetensors'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'model-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const config = { model_type: 'wav2vec2', hidden_size: 4 }
const tensor = (...values: number[]): HostTensor => fromFloat32(Float32Array.from(values), [values.length])

describe('writeModelDirectory', () => {
  it('gives back config and tensors, and byte-equal files when saved again', async () => {
    const first = join(folder, 'first')
    const second = join(folder, 'second')
    const tensors = [
      ['b', tensor(1, 2)],
      ['a', { data: BigInt64Array.of(7n), shape: [], dtype: 'I64' }],
    ] as const
    await writeModelDirectory(first, { config, tensors, extraFiles: { 'vocab.json': '{}' } })
    const model = await readModelDirectory(first)
    expect(model.config).toEqual(config)
    expect(model.metadata).toEqual({ format: 'pt' })
    expect(model.tensors).toEqual(new Map(tensors))
    await writeModelDirectory(second, model)
    for (const name of ['config.json', 'model.safetensors']) {
      expect(await readFile(join(second, name))).toEqual(await readFile(join(first, name)))
    }
    expect(await readFile(join(first, 'vocab.json'), 'utf8')).toBe('{}')
  })

  it('replaces an older model as a whole', async () => {
    await writeModelDirectory(folder, { config, tensors: [['a', tensor(1)]], extraFiles: { 'vocab.json': '{}' } })
    await writeModelDirectory(folder, { config, tensors: [['b', tensor(2)]], extraFiles: { 'vocab.json': '[]' } })
    expect([...(await readModelDirectory(folder)).tensors.keys()]).toEqual(['b'])
  })

  it('keeps the other files of a directory', async () => {
    await mkdir(join(folder, '.git'))
    await writeFile(join(folder, 'README.md'), 'mine')
    await writeFile(join(folder, 'model.safetensors.index.json'), '{}')
    await writeModelDirectory(folder, { config, tensors: [['a', tensor(1)]] })
    expect((await readdir(folder)).sort()).toEqual(['.git', 'README.md', 'config.json', 'model.safetensors'])
  })

  it('does not take away a file that comes while it is written', async () => {
    const dir = join(folder, 'late')
    const read = async () => {
      await mkdir(dir)
      await writeFile(join(dir, 'vocab.json'), '{}')
      return fromFloat32(Float32Array.of(1), [1])
    }
    const tensors = [['a', { dtype: 'F32', shape: [1], read }]] as const
    await expect(writeModelDirectory(dir, { config: {}, tensors })).rejects.toMatchObject({ field: 'vocab.json' })
    expect(await readdir(dir)).toEqual(['vocab.json'])
  })

  it('refuses a further file outside the directory', async () => {
    const write = (name: string) => writeModelDirectory(folder, { config, tensors: [], extraFiles: { [name]: '' } })
    await expect(write('../x')).rejects.toThrow('cannot be the name')
    await expect(write('config.json')).rejects.toThrow('cannot be the name')
  })
})

describe('readModelDirectory', () => {
  const writeShards = async (weightMap: unknown) => {
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    await writeSafetensors(join(folder, 'model-1.safetensors'), [['a', tensor(1)]])
    await writeSafetensors(join(folder, 'model-2.safetensors'), [
      ['b', tensor(2)],
      ['c', tensor(3)],
    ])
    await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }))
  }
  const good = { a: 'model-1.safetensors', b: 'model-2.safetensors', c: 'model-2.safetensors' }

  it('reads shards', async () => {
    await writeShards(good)
    const { tensors } = await readModelDirectory(folder)
    expect([...tensors].map(([name, { data }]) => [name, ...data])).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ])
  })

  it.each([
    ['a tensor that its shard lacks', { ...good, d: 'model-1.safetensors' }, 'lacks d'],
    ['a tensor in the wrong shard', { ...good, b: 'model-1.safetensors' }, 'lacks b'],
    ['a tensor that the index does not list', { a: good.a, b: good.b }, 'holds c'],
    ['a shard elsewhere', { ...good, a: '../model-1.safetensors' }, 'not to a .safetensors file beside it'],
    ['a shard that is missing', { ...good, d: 'model-3.safetensors' }, 'model-3.safetensors: There is no such file'],
    ['a shard that is not a name', { a: 3 }, "'a' is mapped to null"],
    ['no map', 3, 'weight_map is not an object'],
  ])('refuses %s', async (_, weightMap, message) => {
    await writeShards(weightMap)
    const error = await readModelDirectory(folder).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(CheckpointError)
    expect((error as Error).message).toContain(message)
  })

  it('says what is missing and what to do', async () => {
    await expect(readModelDirectory(join(folder, 'none'))).rejects.toThrow('There is no such model directory.')
    await expect(readModelDirectory(folder)).rejects.toThrow('config.json: There is no such file.')
    await writeFile(join(folder, 'config.json'), '[]')
    await expect(readModelDirectory(folder)).rejects.toThrow('does not hold a JSON object')
    await writeFile(join(folder, 'config.json'), '{"a":NaN}')
    await expect(readModelDirectory(folder)).rejects.toThrow('It is not JSON')
    await writeFile(join(folder, 'config.json'), '{}')
    await expect(readModelDirectory(folder)).rejects.toThrow('holds neither model.safetensors')
    await writeFile(join(folder, 'wav2vec_small.pt'), '')
    await expect(readModelDirectory(folder)).rejects.toThrow('fromFairseq')
    await writeFile(join(folder, 'pytorch_model.bin'), '')
    await expect(readModelDirectory(folder)).rejects.toMatchObject({
      fault: 'not-a-torch-file',
      file: join(folder, 'pytorch_model.bin'),
    })
  })
})
