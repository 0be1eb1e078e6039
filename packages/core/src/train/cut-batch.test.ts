import { describe, expect, it } from 'vitest'
import { type BatchSource, floatArray, type HostBatch, intArray } from '../data/index'
import { DataError } from '../errors'
import { cutBatch, microBatches } from './cut-batch'

const batch = (rows: number): HostBatch => ({
  inputs: floatArray(
    Float32Array.from({ length: rows * 2 }, (_, i) => i),
    [rows, 2],
  ),
  lengths: intArray(
    Int32Array.from({ length: rows }, (_, i) => i),
    [rows],
  ),
  scale: floatArray(Float32Array.of(0.5), []),
})

const source = (extra: Partial<BatchSource> = {}): BatchSource => ({
  name: 'numbers',
  batchesPerEpoch: () => 1,
  batch: () => batch(6),
  ...extra,
})

describe('cutBatch', () => {
  it('gives runs of rows that share the memory of the batch, and scalars to each part', () => {
    const whole = batch(6)
    const parts = cutBatch(whole, 3)
    expect(parts.map(({ inputs }) => [[...inputs!.data], inputs!.shape])).toEqual([
      [
        [0, 1, 2, 3],
        [2, 2],
      ],
      [
        [4, 5, 6, 7],
        [2, 2],
      ],
      [
        [8, 9, 10, 11],
        [2, 2],
      ],
    ])
    expect(parts.map(({ lengths }) => [...lengths!.data])).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ])
    for (const part of parts) {
      expect(part.scale).toBe(whole.scale)
      expect(part.inputs!.data.buffer).toBe(whole.inputs!.data.buffer)
    }
    expect(cutBatch(whole, 1)).toEqual([whole])
  })

  it('refuses rows that do not divide by the micro-batches and their devices, naming the array', () => {
    expect(() => cutBatch(batch(6), 4)).toThrow(/"inputs" of "the batch": 6 rows cannot be shared equally by 4/)
    expect(() => microBatches(source(), batch(6), 2, 2)).toThrow(DataError)
    expect(() => microBatches(source(), batch(6), 2, 2)).toThrow(
      /"inputs" of "numbers": 6 rows.*2 micro-batches of 2 devices.*multiple of 4/,
    )
    expect(() => microBatches(source(), batch(6), 1, 4)).toThrow(/by 4 devices/)
    expect(microBatches(source(), batch(6), 1, 1)).toHaveLength(1)
  })

  it('refuses arrays of different numbers of rows', () => {
    const odd = { ...batch(6), labels: intArray(new Int32Array(4), [4]) }
    expect(() => cutBatch(odd, 2)).toThrow(/"labels" has 4 rows and "inputs" 6/)
  })

  it('leaves the cutting to a source that has its own way', () => {
    const cut = (_: HostBatch, parts: number) => Array.from({ length: parts }, () => batch(1))
    expect(microBatches(source({ cut }), batch(6), 3, 1)).toEqual([batch(1), batch(1), batch(1)])
  })
})
