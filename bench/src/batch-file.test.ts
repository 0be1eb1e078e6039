import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { floatArray, intArray, writeSafetensors } from '@babble/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BatchFileError, readBatches, writeBatches } from './batch-file'

describe('files of batches', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'babble-batch-file-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('give back the batches in their order, with names, shapes and kinds of numbers', async () => {
    // Eleven: in the file's own order, by name, the tenth comes before the second.
    const batches = Array.from({ length: 11 }, (_, number) => ({
      inputValues: floatArray(Float32Array.of(number, 0.1), [1, 2]),
      targets: intArray(Int32Array.of(-1, number, 2), [1, 3, 1]),
    }))
    const path = join(folder, 'batches.safetensors')
    await writeBatches(path, batches)
    expect(await readBatches(path)).toEqual(batches)
  })

  it.each([
    ['nothing', {}, /it holds no batches/],
    ['a batch that is missing', { '1.x': 'F32' }, /not all of them/],
    ['an array without a number', { x: 'F32' }, /"x" is no array of a batch/],
    ['other numbers than float32 and int32', { '0.x': 'F64' }, /"0.x" is no array of a batch/],
  ] as const)('are refused for %s', async (_, arrays: Record<string, 'F32' | 'F64'>, message) => {
    const path = join(folder, 'odd.safetensors')
    const tensors = Object.entries(arrays).map(([name, dtype]) => {
      const data = dtype === 'F32' ? new Float32Array(1) : new Float64Array(1)
      return [name, { data, shape: [1], dtype }] as const
    })
    await writeSafetensors(path, tensors)
    await expect(readBatches(path)).rejects.toThrow(BatchFileError)
    await expect(readBatches(path)).rejects.toThrow(message)
  })
})
