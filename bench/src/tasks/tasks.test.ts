import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { HostBatch } from '@babble/core'
import { describe, expect, it } from 'vitest'
import { parseSpecification, type Specification } from '../specification'
import { makeBatches } from './tasks'

/** A file of `configs` with batches of 3 utterances of up to a second. */
const read = (name: string): Specification => {
  const path = fileURLToPath(new URL(`../../configs/${name}.json`, import.meta.url))
  const source = JSON.parse(readFileSync(path, 'utf8'))
  Object.assign(source.batch, {
    size: 3,
    seconds: 1,
    ...(source.task === 'ctc' && { shortestSeconds: 0.5, labels: 4 }),
  })
  return parseSpecification(JSON.stringify(source), path)
}
const shapes = (batch: HostBatch) =>
  Object.fromEntries(Object.entries(batch).map(([name, { shape }]) => [name, shape.join(' x ')]))
const maskedFrames = ({ maskTimeIndices }: HostBatch) => maskTimeIndices!.data.filter((value) => value === 1).length

describe('makeBatches', () => {
  it.each([
    ['wav2vec2-base', { inputValues: '3 x 16000', maskTimeIndices: '3 x 49', sampledNegativeIndices: '3 x 49 x 100' }],
    ['hubert-base', { inputValues: '3 x 16000', maskTimeIndices: '3 x 49', targets: '3 x 49 x 1' }],
    [
      'wav2vec2-base-ctc',
      { inputValues: '3 x 16000', attentionMask: '3 x 16000', maskTimeIndices: '3 x 49', labels: '3 x 4' },
    ],
  ])('makes four for %s, each with masks, and with padding only where utterances differ', async (name, expected) => {
    const batches = await makeBatches(read(name), `${name}.json`)
    expect(batches.map(shapes)).toEqual(Array(4).fill(expected))
    for (const batch of batches) expect(maskedFrames(batch)).toBeGreaterThan(10)
    // Other noise in each.
    expect(new Set(batches.map(({ inputValues }) => inputValues!.data[0])).size).toBe(4)
  })

  it('makes the same ones each time', async () => {
    const [first, second] = [await makeBatches(read('hubert-base'), ''), await makeBatches(read('hubert-base'), '')]
    expect(first).toEqual(second)
  })

  it('predicts any of the clusters', async () => {
    const batches = await makeBatches(read('hubert-base'), '')
    const targets = batches.flatMap((batch) => [...batch.targets!.data])
    expect(Math.min(...targets)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...targets)).toBeLessThan(500)
    expect(new Set(targets).size).toBeGreaterThan(200)
  })
})
