import type { BatchSource, HostArray, HostBatch } from '../data/index'
import { DataError } from '../errors'

/** Rows `[from, to)` of an array along axis 0, sharing its memory. */
const rows = ({ data, shape, dtype }: HostArray, from: number, to: number): HostArray => {
  const size = data.length / shape[0]!
  return { data: data.subarray(from * size, to * size), shape: [to - from, ...shape.slice(1)], dtype }
}

/**
 * Checks that a batch can be shared by `accumulate` parts on `devices` devices each.
 *
 * @throws DataError naming the array whose rows do not divide, or that has other rows than the rest of the batch.
 */
export const checkDivisible = (batch: HostBatch, accumulate: number, devices: number, source: string): void => {
  if (accumulate * devices === 1) return
  let first: { name: string; count: number } | undefined
  for (const [name, { shape }] of Object.entries(batch)) {
    const count = shape[0]
    if (count === undefined) continue
    first ??= { name, count }
    if (count !== first.count) {
      throw new DataError(
        `a batch of "${source}" cannot be cut: "${name}" has ${count} rows and "${first.name}" ${first.count}.`,
        { field: name, cure: 'Give all arrays of a batch one row an example, and what is none of an example no axes.' },
      )
    }
    if (count === 0 || count % (accumulate * devices) !== 0) {
      const sharers = [
        ...(accumulate > 1 ? [`${accumulate} micro-batches`] : []),
        ...(devices > 1 ? [`${devices} devices`] : []),
      ].join(' of ')
      throw new DataError(`"${name}" of "${source}": ${count} rows cannot be shared equally by ${sharers}.`, {
        field: name,
        cure: `Make batches of a multiple of ${accumulate * devices} examples.`,
      })
    }
  }
}

/**
 * Cuts a batch into `parts` equal runs of examples (rows of axis 0), which share its memory; arrays without axes go whole to
 * each part.
 *
 * @throws DataError when the rows of an array do not divide.
 */
export const cutBatch = (batch: HostBatch, parts: number): HostBatch[] => {
  if (parts === 1) return [batch]
  checkDivisible(batch, parts, 1, 'the batch')
  return Array.from({ length: parts }, (_, part) =>
    Object.fromEntries(
      Object.entries(batch).map(([name, array]) => {
        const size = (array.shape[0] ?? 0) / parts
        return [name, array.shape.length === 0 ? array : rows(array, part * size, (part + 1) * size)]
      }),
    ),
  )
}

/** The micro-batches of an update: the batch as its source cuts it, or else by rows. */
export const microBatches = (
  source: BatchSource,
  batch: HostBatch,
  accumulate: number,
  devices: number,
): HostBatch[] => {
  checkDivisible(batch, accumulate, devices, source.name)
  if (accumulate === 1) return [batch]
  return source.cut ? source.cut(batch, accumulate) : cutBatch(batch, accumulate)
}
