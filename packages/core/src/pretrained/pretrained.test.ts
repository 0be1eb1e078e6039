import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fromFloat32, type HostTensor, readSafetensors, type TensorSource, writeSafetensors } from '../checkpoint/index'
import { CheckpointError } from '../errors'
import { Initializer, Linear, Module } from '../nn/index'
import { useEngine } from '../testing/index'
import { loadTensors } from './load-tensors'
import { type ModelFamily, PretrainedModel } from './pretrained-model'

interface ToyConfig {
  readonly width: number
  readonly classes: number
}

const toyFamily: ModelFamily<ToyConfig> = {
  readConfig: ({ width, classes }) => ({ width: width as number, classes: classes as number }),
  writeConfig: (config, architecture) => ({ ...config, architectures: [architecture], dtype: 'float32' }),
  override: (config, fields) => ({ ...config, ...fields }),
}

/** A base model with a buffer, and a weight that goes by two names. */
class ToyEncoder extends Module {
  readonly inner: Linear
  readonly outer: Linear
  readonly tied: Linear
  readonly batches: tf.Variable

  constructor({ width }: ToyConfig, init: Initializer) {
    super()
    this.inner = new Linear(width, width, init)
    this.outer = new Linear(width, width, init)
    this.tied = this.inner
    this.batches = init.buffer([], 3, 'int32')
  }

  protected override bufferNames() {
    return ['batches']
  }
}

class ToyForLabels extends PretrainedModel<ToyConfig> {
  static readonly architecture = 'ToyForLabels'
  static readonly family = toyFamily
  static readonly fit = {
    basePrefix: 'toy.',
    initialised: ['head.'],
    ignored: ['old_head.'],
    cures: { 'head.': 'Use newHead.' },
  }
  static readonly headPrefixes = ['head.']
  readonly toy: ToyEncoder
  readonly head: Linear

  constructor(
    readonly config: ToyConfig,
    init: Initializer = new Initializer(0),
    fresh: Initializer = init,
  ) {
    super()
    this.toy = new ToyEncoder(config, init)
    this.head = new Linear(config.width, config.classes, fresh)
  }
}

const config: ToyConfig = { width: 3, classes: 2 }
const valuesOf = (model: Module) =>
  [...model.stateDict()].map(([name, tensor]) => [name, [...tensor.dataSync()]] as const)

let folder: string
beforeAll(() => useEngine('cpu'))
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pretrained-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const sourceOf = (
  tensors: ReadonlyMap<string, HostTensor>,
  onRead: (name: string) => void = () => {},
): TensorSource => ({
  path: 'x.safetensors',
  entries: tensors,
  read: async (name) => {
    onRead(name)
    return tensors.get(name)!
  },
  close: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
})
const vector = (...values: number[]) => fromFloat32(Float32Array.from(values), [values.length])

describe('PretrainedModel', () => {
  it('comes back whole: parameters, buffers, shared weights once, the class it was', async () => {
    const model = new ToyForLabels(config, new Initializer(7))
    model.toy.batches.assign(tf.scalar(41, 'int32'))
    await model.savePretrained(folder)
    const { tensors } = await readSafetensors(join(folder, 'model.safetensors'))
    expect([...tensors.keys()].sort()).toEqual([
      'head.bias',
      'head.weight',
      'toy.batches',
      'toy.inner.bias',
      'toy.inner.weight',
      'toy.outer.bias',
      'toy.outer.weight',
    ])
    expect(tensors.get('toy.batches')).toEqual({ dtype: 'I64', shape: [], data: BigInt64Array.of(41n) })
    const back = await ToyForLabels.fromPretrained(folder)
    expect(back).toBeInstanceOf(ToyForLabels)
    expect(valuesOf(back)).toEqual(valuesOf(model))
    expect(back.loadReport).toEqual({ missing: [], ignored: [] })
  })

  it.each([
    ['bfloat16', 'BF16', 2 ** -8],
    ['float16', 'F16', 2 ** -11],
  ] as const)('is saved in %s when asked to, and loads as float32', async (dtype, stored, error) => {
    const model = new ToyForLabels(config, new Initializer(7))
    await model.savePretrained(folder, { dtype, maxShardSize: 20 })
    expect((await readdir(folder)).filter((name) => name.startsWith('model-')).length).toBeGreaterThan(2)
    expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))).toMatchObject({ dtype })
    const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8')) as {
      weight_map: Record<string, string>
    }
    const { tensors } = await readSafetensors(join(folder, index.weight_map['head.weight']!))
    expect(tensors.get('head.weight')!.dtype).toBe(stored)
    const back = await ToyForLabels.fromPretrained(folder)
    for (const [i, [name, values]] of valuesOf(back).entries()) {
      const [, before] = valuesOf(model)[i]!
      for (const [j, value] of values.entries())
        expect(Math.abs(value - before[j]!), name).toBeLessThanOrEqual(error * Math.abs(before[j]!))
    }
    expect(back.head.weight.dtype).toBe('float32')
  })

  it('keeps the old model when saving fails', async () => {
    await new ToyForLabels(config, new Initializer(1)).savePretrained(folder)
    const before = await readFile(join(folder, 'model.safetensors'))
    const broken = new ToyForLabels(config, new Initializer(2))
    broken.head.bias!.dispose()
    await expect(broken.savePretrained(folder)).rejects.toThrow()
    expect(await readFile(join(folder, 'model.safetensors'))).toEqual(before)
    expect((await readdir(folder)).sort()).toEqual(['COMMIT', 'config.json', 'model.safetensors'])
  })

  it('makes a new head by the seed, for other classes', async () => {
    await new ToyForLabels(config, new Initializer(7)).savePretrained(folder)
    const load = (seed: number) => ToyForLabels.fromPretrained(folder, { newHead: true, config: { classes: 5 }, seed })
    const [first, again, other] = await Promise.all([load(1), load(1), load(2)])
    expect(first!.loadReport.missing).toEqual(['head.weight', 'head.bias'])
    expect(first!.head.weight.shape).toEqual([5, 3])
    expect(valuesOf(first!)).toEqual(valuesOf(again!))
    expect(valuesOf(first!.head)).not.toEqual(valuesOf(other!.head))
    expect(valuesOf(first!.toy)).toEqual(valuesOf(other!.toy))
  })

  it('writes the files of a processor', async () => {
    await new ToyForLabels(config).savePretrained(folder, { processor: { files: () => ({ 'vocab.json': '{}' }) } })
    expect(await readFile(join(folder, 'vocab.json'), 'utf8')).toBe('{}')
  })

  it('frees what it made when the checkpoint does not fit', async () => {
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    await writeSafetensors(join(folder, 'model.safetensors'), [['head.bias', vector(1)]])
    const before = tf.memory().numTensors
    const error = await ToyForLabels.fromPretrained(folder).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(CheckpointError)
    expect((error as Error).message).toMatch(/lacks toy\.inner\.weight.*head\.bias \(\[1\], not \[2\]\).*Use newHead/)
    expect(tf.memory().numTensors).toBe(before)
  })
})

describe('loadTensors', () => {
  class Small extends Module {
    readonly a: tf.Variable
    readonly b: tf.Variable
    constructor() {
      super()
      const init = new Initializer(0)
      this.a = init.constant([2], 0)
      this.b = init.constant([2], 0)
    }
  }
  const fit = { basePrefix: 'base.', initialised: [], ignored: ['extra'] }

  it('reads what the model has a place for, and nothing else', async () => {
    const reads: string[] = []
    const tensors = new Map([
      ['base.a', vector(1, 2)],
      ['b', vector(3, 4)],
      ['extra.c', vector(5)],
    ])
    const model = new Small()
    const report = await loadTensors(
      model,
      sourceOf(tensors, (name) => reads.push(name)),
      fit,
    )
    expect(reads).toEqual(['base.a', 'b'])
    expect(report).toEqual({ missing: [], ignored: ['extra.c'] })
    expect([...model.a.dataSync(), ...model.b.dataSync()]).toEqual([1, 2, 3, 4])
  })

  it('changes nothing when something does not fit', async () => {
    const model = new Small()
    const tensors = new Map([
      ['a', vector(1, 2)],
      ['b', vector(1, 2, 3)],
      ['strange', vector(1)],
    ])
    await expect(loadTensors(model, sourceOf(tensors), fit)).rejects.toMatchObject({
      field: 'strange',
      file: 'x.safetensors',
    })
    expect([...model.a.dataSync()]).toEqual([0, 0])
  })

  it('refuses a parameter under two names', async () => {
    const tensors = new Map([
      ['a', vector(1, 2)],
      ['base.a', vector(1, 2)],
      ['b', vector(1, 2)],
    ])
    await expect(loadTensors(new Small(), sourceOf(tensors), fit)).rejects.toThrow("'a' and 'base.a' are both a")
  })

  it('takes a shared weight under any of its names, and both if they are equal', async () => {
    const weights = (names: string[], value = 1) =>
      names.map((name): [string, HostTensor] => [name, fromFloat32(new Float32Array(9).fill(value), [3, 3])])
    const biases = (names: string[]) => names.map((name): [string, HostTensor] => [name, vector(1, 2, 3)])
    const load = (entries: [string, HostTensor][]) => {
      const model = new ToyEncoder(config, new Initializer(0))
      return loadTensors(
        model,
        sourceOf(new Map([...entries, ['batches', { dtype: 'I64', shape: [], data: BigInt64Array.of(5n) }]])),
        fit,
      ).then(() => model)
    }
    const outer = [...weights(['outer.weight']), ...biases(['outer.bias'])]
    const alias = await load([...outer, ...weights(['tied.weight']), ...biases(['inner.bias'])])
    expect([...alias.inner.weight.dataSync()]).toEqual(new Array(9).fill(1))
    expect(alias.batches.dataSync()[0]).toBe(5)
    await load([...outer, ...weights(['tied.weight', 'inner.weight']), ...biases(['inner.bias', 'tied.bias'])])
    const different = [
      ...outer,
      ...weights(['inner.weight']),
      ...weights(['tied.weight'], 2),
      ...biases(['inner.bias']),
    ]
    await expect(load(different)).rejects.toThrow('tied.weight and inner.weight differ')
    const misshapen = [...outer, ['tied.weight', vector(1, 2)] as [string, HostTensor], ...biases(['inner.bias'])]
    await expect(load(misshapen)).rejects.toThrow('shapes differ: tied.weight ([2], not [3, 3])')
  })
})
