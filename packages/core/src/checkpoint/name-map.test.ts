import { describe, expect, it } from 'vitest'
import { CheckpointError } from '../errors'
import { fromFloat32 } from './convert'
import { nameMap } from './name-map'
import { readAll, renameTensors, type TensorSource } from './tensor-source'

describe('nameMap', () => {
  const map = nameMap([
    ['encoder.layers.*.fc1', 'encoder.layers.*.feed_forward.intermediate_dense'],
    ['encoder.pos_conv.0', 'encoder.pos_conv_embed.conv'],
    ['mask_emb', 'masked_spec_embed'],
    ['a.*.b.*', 'c.*.*'],
    ['model', ''],
  ])

  it.each([
    ['encoder.layers.11.fc1.bias', 'encoder.layers.11.feed_forward.intermediate_dense.bias'],
    ['encoder.layers.0.fc10.bias', 'encoder.layers.0.fc10.bias'],
    ['encoder.pos_conv.0.weight_g', 'encoder.pos_conv_embed.conv.weight_g'],
    ['mask_emb', 'masked_spec_embed'],
    ['mask_embedding', 'mask_embedding'],
    ['x.mask_emb', 'x.mask_emb'],
    ['a.1.b.2.rest', 'c.1.2.rest'],
    ['model.encoder', 'encoder'],
    ['unknown', 'unknown'],
  ])('%s is %s', (name, expected) => {
    expect(map(name)).toBe(expected)
  })
})

describe('renameTensors', () => {
  const source = (...names: string[]): TensorSource => ({
    path: 'x.pt',
    entries: new Map(names.map((name) => [name, { dtype: 'F32', shape: [1] }])),
    read: async (name) => fromFloat32(Float32Array.of(names.indexOf(name)), [1]),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  })

  it('gives tensors other names and leaves some out', async () => {
    const renamed = renameTensors(source('m.a', 'm.b', 'c'), (name) => (name === 'c' ? undefined : name.slice(2)))
    const all = await readAll(renamed)
    expect([...all].map(([name, { data }]) => [name, data[0]])).toEqual([
      ['a', 0],
      ['b', 1],
    ])
    await expect(renamed.read('c')).rejects.toThrow("There is no tensor 'c'")
  })

  it('refuses two tensors of one name', () => {
    expect(() => renameTensors(source('a', 'm.a'), (name) => name.replace('m.', ''))).toThrow(CheckpointError)
    expect(() => renameTensors(source('a', 'm.a'), (name) => name.replace('m.', ''))).toThrow(
      "'a' and 'm.a' are both a",
    )
  })
})
