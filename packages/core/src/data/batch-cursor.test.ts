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

describe('BatchCursor ahead of its user', () => {
  const sized = (values: number, extra: Partial<BatchSource> = {}) => {
    const requested: number[] = []
    const open = new Map<number, () => void>()
    const slow: BatchSource = {
      name: 'slow',
      batchesPerEpoch: () => 100,
      batch: (_, index) => {
        requested.push(index)
        const batch = { place: intArray(new Int32Array(values).fill(index), [values]) }
        return new Promise((resolve) => open.set(index, () => resolve(batch)))
      },
      ...extra,
    }
    return { source: slow, requested, finish: (index: number) => open.get(index)!() }
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve))

  it('keeps the order, whichever batch is ready first, and no more under way than it may', async () => {
    const { source, requested, finish } = sized(1, { readAhead: 3 })
    const cursor = new BatchCursor(source)
    cursor.prefetch()
    finish(0)
    expect((await cursor.take()).index).toBe(0)
    cursor.prefetch()
    cursor.prefetch()
    expect(requested).toEqual([0, 1, 2, 3])
    finish(3)
    finish(2)
    const second = cursor.take()
    await turn()
    finish(1)
    const taken = [await second, await cursor.take(), await cursor.take()]
    expect(taken.map(({ index, batch }) => [index, batch.place!.data[0]])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ])
    expect(cursor.position).toEqual({ epoch: 0, index: 4 })
  })

  it('stays within its memory', async () => {
    const { source, requested, finish } = sized(1000)
    const cursor = new BatchCursor(source, undefined, { depth: 10, maxBytes: 3 * 4000 })
    cursor.prefetch()
    finish(0)
    await cursor.take()
    cursor.prefetch()
    expect(requested).toEqual([0, 1, 2, 3])
    expect(cursor.stats).toMatchObject({ taken: 1, largestBatch: 4000 })
  })

  it('tries the same batch again after a failure', async () => {
    let failures = 1
    const shaky: BatchSource = {
      ...source([5]),
      batch: async (_, index) => {
        if (index === 1 && failures-- > 0) throw new DataError('broken.', { file: 'a.wav' })
        return { place: intArray(Int32Array.of(index), [1]) }
      },
    }
    const cursor = new BatchCursor(shaky, undefined, { depth: 3 })
    await cursor.take()
    await expect(cursor.take()).rejects.toThrow('a.wav: broken.')
    expect(cursor.position).toEqual({ epoch: 0, index: 1 })
    expect((await cursor.take()).batch.place!.data[0]).toBe(1)
  })

  it('tells its source when it is closed', async () => {
    const seen: string[] = []
    const { source } = sized(1, {
      batch: (_, index, signal) =>
        new Promise((_resolve, reject) => {
          signal!.addEventListener('abort', () => {
            seen.push(`gave up ${index}`)
            reject(signal!.reason)
          })
        }),
      close: () => {
        seen.push('closed')
      },
    })
    const cursor = new BatchCursor(source)
    cursor.prefetch()
    await turn()
    await cursor.close()
    expect(seen).toEqual(['gave up 0', 'closed'])
    await expect(cursor.take()).rejects.toThrow(DataError)
  })
})
