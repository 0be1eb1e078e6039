import { floatArray, type HostArray, type HostBatch, intArray, readSafetensors, writeSafetensors } from '@babble/core'

/** A file of batches that lacks something, or holds what no batch has. */
export class BatchFileError extends Error {}

/** Writes batches for all contestants: each array under its batch's number and its own name, as `0.inputValues`. */
export const writeBatches = async (path: string, batches: readonly HostBatch[]): Promise<void> => {
  const arrays = batches.flatMap((batch, number) =>
    Object.entries(batch).map(([name, { data, shape, dtype }]) => {
      return [`${number}.${name}`, { data, shape, dtype: dtype === 'int32' ? 'I32' : 'F32' }] as const
    }),
  )
  await writeSafetensors(path, new Map(arrays))
}

/**
 * Reads what {@link writeBatches} wrote.
 *
 * @throws BatchFileError
 */
export const readBatches = async (path: string): Promise<HostBatch[]> => {
  const batches: Record<string, HostArray>[] = []
  const { tensors } = await readSafetensors(path)
  for (const [key, { data, shape }] of tensors) {
    const [, number, name] = /^(\d{1,6})\.(.+)$/.exec(key) ?? []
    const array =
      data instanceof Float32Array
        ? floatArray(data, shape)
        : data instanceof Int32Array
          ? intArray(data, shape)
          : undefined
    if (number === undefined || name === undefined || !array)
      throw new BatchFileError(`${path}: "${key}" is no array of a batch.`)
    batches[Number(number)] ??= {}
    batches[Number(number)]![name] = array
  }
  if (batches.length === 0 || batches.includes(undefined as never))
    throw new BatchFileError(`${path}: it holds no batches, or not all of them.`)
  return batches
}
