import { describe, expect, it } from 'vitest'
import { ConfigError } from '../errors'
import { classIds, numberedLabels, readClassLabels, writeClassLabels } from './class-labels'

describe('names of classes in config.json', () => {
  it('are those of id2label, by number', () => {
    const json = { id2label: { '1': 'no', '0': 'yes', '2': 7 }, num_labels: 5 }
    expect(readClassLabels(json)).toEqual(['yes', 'no', '7'])
  })

  it('are made up where only their number is known, and left to the default where nothing is', () => {
    expect(readClassLabels({ num_labels: 3, id2label: null })).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2'])
    expect(readClassLabels({ label2id: { a: 0 } })).toBeUndefined()
    expect(readClassLabels({})).toBeUndefined()
  })

  it.each([
    ['id2label', { id2label: { '0': 'a', '2': 'b' } }, 'none for 1'],
    ['id2label', { id2label: {} }, 'empty'],
    ['id2label', { id2label: ['a', 'b'] }, 'no object'],
    ['id2label', { id2label: { '0': ['a'] } }, 'no text for 0'],
    ['num_labels', { num_labels: 0 }, '0'],
    ['num_labels', { num_labels: 1e12 }, '1000000000000'],
    ['num_labels', { num_labels: '3' }, '"3"'],
  ])('are refused when %s is bad: %o', (field, json, message) => {
    const read = () => readClassLabels(json, 'config.json')
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(message)
    expect(read).toThrow(expect.objectContaining({ field, file: 'config.json' }) as Error)
  })

  it('are written both ways round, whatever they are called', () => {
    const labels = ['yes', '__proto__', 'constructor']
    const json = JSON.parse(JSON.stringify(writeClassLabels(labels))) as Record<string, Record<string, unknown>>
    expect(Object.entries(json.id2label!)).toEqual([
      ['0', 'yes'],
      ['1', '__proto__'],
      ['2', 'constructor'],
    ])
    expect(Object.entries(json.label2id!)).toEqual([
      ['yes', 0],
      ['__proto__', 1],
      ['constructor', 2],
    ])
    expect(readClassLabels(json)).toEqual(labels)
  })
})

it('a class is found by its name, unless two have it', () => {
  expect(classIds(['a', 'b']).get('b')).toBe(1)
  expect(() => classIds(['a', 'b', 'a'])).toThrow('classes 0 and 2 are both "a"')
  expect(numberedLabels(2)).toEqual(['LABEL_0', 'LABEL_1'])
})
