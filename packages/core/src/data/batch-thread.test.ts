import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import type { BatchSource } from './batch-source'
import { batchesInThread, serveBatches } from './batch-thread'
import { sourceLoader } from './source-loader'

const program = new URL('./batch-thread.fixture.ts', import.meta.url)
const here: BatchSource = {
  name: 'counting',
  batchesPerEpoch: () => 3,
  batch: () => {
    throw new Error('made here')
  },
  audioSeconds: () => 7,
}
const inThread = (data: unknown) => batchesInThread(here, program, data, { execArgv: sourceLoader, startHere: false })

describe('batchesInThread', () => {
  it('makes the batches there, with memory of their own', async () => {
    const source = inThread({ rows: 5 })
    const [first, second] = await Promise.all([source.batch(4, 0), source.batch(4, 1)])
    expect([...first.place!.data, ...second.place!.data]).toEqual([4, 0, 4, 1])
    expect(first.values).toEqual({ data: new Float32Array(5).fill(4), shape: [5], dtype: 'float32' })
    expect(first.again).toEqual(first.values)
    expect([...first.part!.data, ...second.part!.data]).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    expect(first.part!.data.buffer.byteLength).toBe(20)
    expect([source.name, source.batchesPerEpoch(0), source.audioSeconds!(first), source.readAhead]).toEqual([
      'counting',
      3,
      7,
      2,
    ])
    await source.close!()
    expect([...(await source.batch(5, 1)).place!.data]).toEqual([5, 1])
    await source.close!()
  })

  it('passes errors on, those of making the source too, and survives the end of its thread', async () => {
    const source = inThread({ rows: 5 })
    const error = await Promise.resolve(source.batch(0, 2)).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(DataError)
    expect(error).toMatchObject({ message: 'c.wav: it is broken.', file: 'c.wav', field: 'samples' })
    await expect(source.batch(9, 0)).rejects.toThrow(
      /the thread that makes the batches of "counting" broke down: it ended with code 3/,
    )
    expect([...(await source.batch(1, 1)).place!.data]).toEqual([1, 1])
    await source.close!()
    const broken = inThread({ broken: true })
    await expect(broken.batch(0, 0)).rejects.toThrow('corpus: it cannot be made. Make another.')
    await broken.close!()
  })

  it('lets go of each batch, however long the signal that could give it up lives', async () => {
    const source = inThread({ rows: 5 })
    const { signal } = new AbortController()
    for (let round = 0; round < 3; round++) await source.batch(0, 0, signal)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    await source.close!()
  })

  it('can be given up', async () => {
    const source = inThread({ rows: 5 })
    const stop = new AbortController()
    const given = source.batch(0, 0, stop.signal)
    stop.abort(new Error('not wanted'))
    await expect(given).rejects.toThrow('not wanted')
    const closed = Promise.resolve(source.batch(0, 1)).catch((error: unknown) => error)
    await source.close!()
    expect(await closed).toBeInstanceOf(DataError)
  })

  it('makes them here while the thread starts, and tells of one that does not', async () => {
    const made: string[] = []
    const batch: BatchSource['batch'] = (epoch, index) => {
      made.push(`${epoch}:${index}`)
      return {}
    }
    const start = (data: unknown) => batchesInThread({ ...here, batch }, program, data, { execArgv: sourceLoader })
    const source = start({ rows: 2 })
    expect(await source.batch(0, 0)).toEqual({})
    let batches = 0
    while (!('place' in (await source.batch(1, 1)))) {
      batches++
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(made).toEqual(['0:0', ...new Array(batches).fill('1:1')])
    await source.close!()
    const broken = start({ broken: true })
    const ask = async () => {
      for (;;) {
        await broken.batch(0, 0)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    await expect(ask()).rejects.toThrow('corpus: it cannot be made. Make another.')
    await broken.close!()
  })

  it('makes them here where the program is not there', () => {
    expect(batchesInThread(here, new URL('./none.js', import.meta.url), {})).toBe(here)
    expect(() => serveBatches(() => here)).toThrow(DataError)
  })
})
