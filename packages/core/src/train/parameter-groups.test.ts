import { useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { ConfigError } from '../errors'
import { assignGroups, freezeUntil, layerwiseDecayGroups } from './parameter-groups'

describe('parameter groups', () => {
  beforeAll(() => useEngine('cpu'))
  const model = (names: string[]) => {
    const variables = new Map(names.map((name) => [name, tf.variable(tf.scalar(0))]))
    return { namedParameters: () => variables }
  }

  it('freeze for some updates', () => {
    expect([1, 10, 11, 12].map(freezeUntil(10))).toEqual([0, 0, 1, 1])
    expect([10, 12].map(freezeUntil(10, (step) => step / 100))).toEqual([0, 0.12])
  })

  it('give lower layers lower rates, and the head the whole', () => {
    const names = ['embed.weight', 'layers.1.weight', 'layers.10.weight', 'layers.1.bias', 'head.weight']
    const groups = layerwiseDecayGroups({ layers: ['embed', 'layers.1', 'layers.10'], decay: 0.5 })
    const rates = assignGroups(model(names), groups).map(({ name, group }) => [
      name,
      group === 0 ? 1 : groups[group - 1]!.scale(1),
    ])
    expect(Object.fromEntries(rates as [string, number][])).toEqual({
      'embed.weight': 0.125,
      'layers.1.weight': 0.25,
      'layers.1.bias': 0.25,
      'layers.10.weight': 0.5,
      'head.weight': 1,
    })
    const warm = layerwiseDecayGroups({ layers: [(name) => name.includes('1')], decay: 0.5, scale: freezeUntil(3) })
    expect([3, 4].map((step) => warm[0]!.scale(step))).toEqual([0, 0.5])
  })

  it('give their weight decay to their parameters', () => {
    const groups = [{ match: (name: string) => name === 'a', scale: () => 1, weightDecay: 0 }]
    expect(assignGroups(model(['a', 'b']), groups).map(({ weightDecay }) => weightDecay)).toEqual([0, undefined])
  })

  it('are refused where they match nothing or decay by nothing', () => {
    expect(() => assignGroups(model(['a']), layerwiseDecayGroups({ layers: ['b'], decay: 0.5 }))).toThrow(ConfigError)
    expect(() => layerwiseDecayGroups({ layers: ['a'], decay: 0 })).toThrow(ConfigError)
  })
})
