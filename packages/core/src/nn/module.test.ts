import { useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { fromFloat32, type HostTensor } from '../checkpoint/index'
import { CheckpointError } from '../errors'
import { Initializer } from './initializer'
import { Linear } from './linear'
import { Module } from './module'
import { moduleSummary } from './module-summary'

class Leaf extends Module {
  readonly weight: tf.Variable
  readonly scale: tf.Variable

  constructor(init: Initializer) {
    super()
    this.weight = init.normal([2, 3], 1)
    this.scale = init.constant([2], 1)
  }

  protected override keyOverrides() {
    return { scale: 'parametrizations.weight.original0' }
  }
}

class Tree extends Module {
  readonly kProj: Leaf
  readonly convLayers: Leaf[]
  readonly maskedSpecEmbed: tf.Variable
  readonly options = { layers: 2 }
  readonly note = 'not a parameter'

  constructor(init: Initializer) {
    super()
    this.kProj = new Leaf(init)
    this.convLayers = [new Leaf(init), new Leaf(init)]
    this.maskedSpecEmbed = init.uniform([4], 1)
  }
}

/** Nested lists, a counter, and a module that is a buffer as a whole. */
class Counted extends Module {
  readonly weight: tf.Variable
  readonly seen: tf.Variable
  readonly parts: Linear[][]
  readonly teacher: Linear

  constructor(init: Initializer) {
    super()
    const linear = () => new Linear(2, 3, init, { bias: false })
    this.weight = init.constant([2], 1)
    this.seen = init.buffer([], 0, 'int32')
    this.parts = [[linear()], [linear(), linear()]]
    this.teacher = linear()
  }

  protected override bufferNames() {
    return ['seen', 'teacher']
  }
}

class Tied extends Module {
  readonly embed: Linear
  readonly lmHead: Linear

  constructor(init: Initializer) {
    super()
    this.embed = new Linear(2, 3, init, { bias: false })
    this.lmHead = new Linear(2, 3, init, { bias: false, weight: this.embed.weight })
  }
}

const hostTensors = (model: Module): Map<string, HostTensor> =>
  new Map(
    [...model.stateDict()].map(([name, tensor]) => [
      name,
      fromFloat32(Float32Array.from(tensor.dataSync()), tensor.shape),
    ]),
  )
const values = (model: Module) => [...model.stateDict().values()].map((tensor) => Array.from(tensor.dataSync()))

describe('Module', () => {
  beforeAll(() => useEngine('cpu'))

  it('names parameters as checkpoints do: snake case, indices of lists, declared exceptions', () => {
    const tree = new Tree(new Initializer(1))
    expect([...tree.namedParameters().keys()]).toEqual([
      'k_proj.weight',
      'k_proj.parametrizations.weight.original0',
      'conv_layers.0.weight',
      'conv_layers.0.parametrizations.weight.original0',
      'conv_layers.1.weight',
      'conv_layers.1.parametrizations.weight.original0',
      'masked_spec_embed',
    ])
    expect(tree.parameterCount()).toBe(3 * 8 + 4)
  })

  it('takes over the values of a state dict, exactly', () => {
    const [first, second] = [new Tree(new Initializer(1)), new Tree(Initializer.empty())]
    expect(second.loadStateDict(hostTensors(first))).toEqual({ missing: [], unexpected: [] })
    expect(values(second)).toEqual(values(first))
  })

  it('converts half-precision tensors', () => {
    const layer = new Linear(2, 1, Initializer.empty(), { bias: false })
    layer.loadStateDict(new Map([['weight', fromFloat32(Float32Array.of(0.5, -3), [1, 2], 'F16')]]))
    expect(Array.from(layer.weight.dataSync())).toEqual([0.5, -3])
  })

  it('lists everything that does not fit in one error, and then changes nothing', () => {
    const tree = new Tree(new Initializer(1))
    const before = values(tree)
    const tensors = hostTensors(new Tree(new Initializer(2)))
    tensors.delete('masked_spec_embed')
    tensors.set('k_proj.weight', fromFloat32(new Float32Array(6), [3, 2]))
    tensors.set('quantizer.codevectors', fromFloat32(new Float32Array(1), [1]))
    const load = () => tree.loadStateDict(tensors, { file: 'model.safetensors' })
    expect(load).toThrow(CheckpointError)
    for (const part of [
      'model.safetensors',
      'masked_spec_embed is missing',
      'k_proj.weight is [3,2]',
      '[2,3]',
      'quantizer.codevectors',
    ]) {
      expect(load).toThrow(part)
    }
    expect(values(tree)).toEqual(before)
  })

  it('without strict, or for ignored names, loads what fits and says what was left', () => {
    const source = new Tree(new Initializer(2))
    const tensors = hostTensors(source)
    tensors.delete('masked_spec_embed')
    tensors.set('lm_head.weight', fromFloat32(new Float32Array(1), [1]))
    const left = { missing: ['masked_spec_embed'], unexpected: ['lm_head.weight'] }
    const tree = new Tree(new Initializer(1))
    expect(tree.loadStateDict(tensors, { strict: false })).toEqual(left)
    expect(values(tree).slice(0, -1)).toEqual(values(source).slice(0, -1))
    expect(tree.loadStateDict(tensors, { ignore: (name) => /^(lm_head|masked)/.test(name) })).toEqual(left)
    expect(() => tree.loadStateDict(tensors, { ignore: (name) => name.startsWith('lm_head') })).toThrow(
      'masked_spec_embed',
    )
  })

  it('without strict still refuses other shapes', () => {
    const tensors = new Map([['masked_spec_embed', fromFloat32(new Float32Array(5), [5])]])
    expect(() => new Tree(new Initializer(1)).loadStateDict(tensors, { strict: false })).toThrow('[5]')
  })

  it('freezes and unfreezes the parameters below it', () => {
    const tree = new Tree(new Initializer(1))
    const trained = () => [...tree.namedParameters()].filter(([, parameter]) => parameter.trainable).length
    tree.convLayers[0]!.freeze()
    expect(trained()).toBe(5)
    tree.unfreeze()
    expect(trained()).toBe(7)
  })

  it('frees its parameters', () => {
    const before = tf.memory().numTensors
    new Tree(new Initializer(1)).dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  it('keeps buffers apart from parameters: saved and loaded in their own types, never trained', () => {
    const model = new Counted(new Initializer(1))
    expect([...model.namedParameters().keys()]).toEqual([
      'weight',
      'parts.0.0.weight',
      'parts.1.0.weight',
      'parts.1.1.weight',
    ])
    expect([...model.namedBuffers().keys()]).toEqual(['seen', 'teacher.weight'])
    expect(model.parameterCount()).toBe(2 + 3 * 6)
    expect([...model.stateDict().keys()].length).toBe(6)
    model.unfreeze()
    expect(model.seen.trainable).toBe(false)
    const tensors = new Map<string, HostTensor>(hostTensors(model))
    tensors.set('seen', { data: BigInt64Array.of(2n ** 31n - 1n), shape: [], dtype: 'I64' })
    model.loadStateDict(tensors)
    expect(model.seen.dtype).toBe('int32')
    expect(model.seen.dataSync()[0]).toBe(2 ** 31 - 1)
  })

  it('has a shared variable once, takes its value under any of its names, and refuses two values', () => {
    const model = new Tied(new Initializer(1))
    expect([...model.stateDict().keys()]).toEqual(['embed.weight'])
    expect([...model.aliases()]).toEqual([['lm_head.weight', 'embed.weight']])
    expect(model.parameterCount()).toBe(6)
    const tensor = (value: number) => fromFloat32(new Float32Array(6).fill(value), [3, 2])
    expect(model.loadStateDict(new Map([['lm_head.weight', tensor(5)]]))).toEqual({ missing: [], unexpected: [] })
    expect(values(model)).toEqual([[5, 5, 5, 5, 5, 5]])
    model.loadStateDict(
      new Map([
        ['embed.weight', tensor(6)],
        ['lm_head.weight', tensor(6)],
      ]),
    )
    const two = new Map([
      ['embed.weight', tensor(1)],
      ['lm_head.weight', tensor(2)],
    ])
    expect(() => model.loadStateDict(two, { strict: false })).toThrow('lm_head.weight and embed.weight differ')
    expect(values(model)).toEqual([[6, 6, 6, 6, 6, 6]])
  })

  it('freezes what a filter names', () => {
    const tree = new Tree(new Initializer(1))
    tree.freeze((name) => name.startsWith('conv_layers.'))
    const frozen = [...tree.namedParameters()].filter(([, { trainable }]) => !trainable).map(([name]) => name)
    expect(frozen.every((name) => name.startsWith('conv_layers.'))).toBe(true)
    expect(frozen.length).toBe(4)
  })

  it('is told as a table', () => {
    const model = new Counted(new Initializer(1))
    model.parts[0]![0]!.freeze()
    expect(moduleSummary(model).split('\n')).toEqual([
      'name              shape   numbers',
      'weight            [2]           2  trained',
      'parts.0.0.weight  [3, 2]        6  frozen',
      'parts.1.0.weight  [3, 2]        6  trained',
      'parts.1.1.weight  [3, 2]        6  trained',
      'seen              []            1  buffer',
      'teacher.weight    [3, 2]        6  buffer',
      '14 trained, 6 frozen, 7 buffer',
    ])
    expect(moduleSummary(model, { depth: 1 }).split('\n').slice(2, 4)).toEqual([
      'parts.0.0.weight  [3, 2]           6  frozen',
      'parts.*           2 tensors       12  trained',
    ])
  })
})
