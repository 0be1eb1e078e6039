import { describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { BatchCursor } from './batch-cursor'
import { type BatchSource, intArray } from './batch-source'

const source = (batches: number[], made: string[] = []): BatchSource => ({
  name: 'counting',
  batchesPerEpoch: (epoch) => batches[epoch] ?? 0,
  batch: (epoch, index) => {
    made.push(`${epoch}:${index}`)
    return { place: intArray(Int32Array.of(epoch, index), [2]) }
  },
})

describe('BatchCursor', () => {
  it('walks through epochs of different lengths', async () => {
    const cursor = new BatchCursor(source([2, 1, 3]))
    const places: string[] = []
    for (let i = 0; i < 5; i++) {
      const { epoch, index, batch } = await cursor.take()
      expect([...batch.place!.data]).toEqual([epoch, index])
      places.push(`${epoch}:${index}`)
    }
    expect(places).toEqual(['0:0', '0:1', '1:0', '2:0', '2:1'])
    expect(cursor.position).toEqual({ epoch: 2, index: 2 })
  })

  it('makes the next batch ahead, once, without moving its position', async () => {
    const made: string[] = []
    const cursor = new BatchCursor(source([3], made))
    await cursor.take()
    cursor.prefetch()
    cursor.prefetch()
    expect(cursor.position).toEqual({ epoch: 0, index: 1 })
    expect(made).toEqual(['0:0', '0:1'])
    await cursor.take()
    expect(made).toEqual(['0:0', '0:1'])
  })

  it('starts anywhere', async () => {
    const cursor = new BatchCursor(source([2, 4, 1]), { epoch: 1, index: 3 })
    expect(await cursor.take()).toMatchObject({ epoch: 1, index: 3 })
  })

  it('measures waiting', async () => {
    const slow: BatchSource = {
      ...source([5]),
      batch: async () => {
        await new Promise((resolve) => setTimeout(resolve, 30))
        return {}
      },
    }
    const cursor = new BatchCursor(slow)
    await cursor.take()
    expect(cursor.waitSeconds).toBeGreaterThan(0.025)
    expect(cursor.waitSeconds).toBeLessThan(1)
  })

  it('refuses an epoch without batches', () => {
    expect(() => new BatchCursor(source([0]))).toThrow(DataError)
  })
})
