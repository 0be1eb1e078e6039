/** The program of a thread for the tests of `batch-thread.ts`. */
import { DataError } from '../errors'
import { floatArray, intArray } from './batch-source'
import { serveBatches } from './batch-thread'

serveBatches(({ rows, broken }: { rows: number; broken?: boolean }) => {
  if (broken) throw new DataError('it cannot be made.', { file: 'corpus', cure: 'Make another.' })
  const shared = new Float32Array(4 * rows)
  return {
    name: 'counting',
    batchesPerEpoch: () => 3,
    batch: (epoch, index) => {
      if (index === 2) throw new DataError('it is broken.', { file: 'c.wav', field: 'samples' })
      if (epoch === 9) process.exit(3)
      const values = new Float32Array(rows).fill(epoch + index / 10)
      return {
        values: floatArray(values, [rows]),
        // The same memory twice, and a part of memory that the source goes on using.
        again: floatArray(values, [rows]),
        part: floatArray(shared.subarray(rows, 2 * rows).fill(index), [rows]),
        place: intArray(Int32Array.of(epoch, index), [2]),
      }
    },
  }
})
