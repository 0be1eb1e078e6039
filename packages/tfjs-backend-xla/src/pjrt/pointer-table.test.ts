import { describe, expect, it } from 'vitest'
import { PointerTable } from './pointer-table'

describe('PointerTable', () => {
  it('keeps 64-bit values in slots, which it uses again, and grows', () => {
    const table = new PointerTable()
    const pointers = Array.from({ length: 1000 }, (_, i) => (0xffff_ffffn << 32n) | BigInt(i))
    const slots = pointers.map((pointer) => table.add(pointer))
    expect(slots.map((slot) => table.get(slot))).toEqual(pointers)
    table.remove(slots[3]!)
    expect([table.get(slots[3]!), table.size]).toEqual([0n, 999])
    expect(table.add(7n)).toBe(slots[3])
    expect([table.get(slots[3]!), table.size]).toEqual([7n, 1000])
  })

  it('moves the pointers of many slots at once', () => {
    const table = new PointerTable()
    for (let i = 0; i < 300; i++) table.add(BigInt(i) << 40n)
    const target = new BigUint64Array(4)
    const words = new Uint32Array(target.buffer)
    table.copyOut(Int32Array.of(299, 7), words)
    table.copyOut(Int32Array.of(1), words, Int32Array.of(3))
    expect([...target]).toEqual([299n << 40n, 7n << 40n, 0n, 1n << 40n])
    table.copyIn(Int32Array.of(10, 11), words, Int32Array.of(3, 0))
    expect([table.get(10), table.get(11), table.get(12)]).toEqual([1n << 40n, 299n << 40n, 12n << 40n])
    const all = new PointerTable()
    const slots = Int32Array.from({ length: 300 }, (_, i) => i)
    all.addFrom(table, slots)
    all.addFrom(table, slots)
    expect([all.size, all.get(310), all.get(599)]).toEqual([600, 1n << 40n, 299n << 40n])
    all.clear()
    expect([all.size, all.add(5n)]).toEqual([0, 0])
  })
})
