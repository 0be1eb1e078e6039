import { describe, expect, it } from 'vitest'
import { encodeCreateOptions } from './create-options'
import { STRUCTS } from './layouts'

const { size, fields } = STRUCTS.NamedValue

function entries(options: Parameters<typeof encodeCreateOptions>[0]) {
  const { memory, count } = encodeCreateOptions(options)
  const view = memory[0] as DataView
  return Array.from({ length: count }, (_, i) => ({
    structSize: view.getBigUint64(i * size, true),
    nameSize: view.getBigUint64(i * size + fields.name_size, true),
    type: view.getInt32(i * size + fields.type, true),
    valueAt: i * size + fields.value,
    valueSize: view.getBigUint64(i * size + fields.value_size, true),
    view,
  }))
}

describe('encodeCreateOptions', () => {
  it('writes each kind of value with the type PJRT gives it', () => {
    const list = entries({ text: 'cuda', whole: 3, ids: [0, 1, 2], part: 0.5, yes: true, big: 1n << 40n })
    expect(list.map((entry) => entry.type)).toEqual([0, 1, 2, 3, 4, 1])
    expect(list.map((entry) => entry.valueSize)).toEqual([4n, 1n, 3n, 1n, 1n, 1n])
    expect(list.map((entry) => entry.nameSize)).toEqual([4n, 5n, 3n, 4n, 3n, 3n])
    expect(new Set(list.map((entry) => entry.structSize))).toEqual(new Set([56n]))
    const at = (i: number) => list[i]!
    expect(at(1).view.getBigInt64(at(1).valueAt, true)).toBe(3n)
    expect(at(3).view.getFloat32(at(3).valueAt, true)).toBe(0.5)
    expect(at(4).view.getUint8(at(4).valueAt)).toBe(1)
    expect(at(5).view.getBigInt64(at(5).valueAt, true)).toBe(1n << 40n)
  })

  it('sends the memory fraction as a float even when it is 1', () => {
    expect(entries({ memory_fraction: 1 })[0]!.type).toBe(3)
  })
})
