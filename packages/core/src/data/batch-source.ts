import * as tf from '@tensorflow/tfjs-core'
import { DataError } from '../errors'

/** A tensor that is still on the host: what data code makes, and the trainer uploads. */
export interface HostArray {
  readonly data: Float32Array | Int32Array
  readonly shape: readonly number[]
  readonly dtype: 'float32' | 'int32'
}

/** One batch on the host, by argument name (`inputValues`, `attentionMask`, …). */
export interface HostBatch {
  readonly [name: string]: HostArray
}

/**
 * Where a trainer takes its batches from. `batch(epoch, index)` is a pure function of its arguments (and of the seed that
 * the source was made with), so a run resumes at any batch of any epoch at once, without replaying what came before.
 *
 * A batch is all of one update's examples, along axis 0 of each array, whatever number of micro-batches and devices share it.
 */
export interface BatchSource<B extends HostBatch = HostBatch> {
  /** Shown in logs and written into checkpoints; a run resumes only with a source of the same name. */
  readonly name: string
  /** How many batches an epoch has; at least 1. */
  batchesPerEpoch(epoch: number): number
  /**
   * Batch `index` (0 up to `batchesPerEpoch(epoch) - 1`) of epoch `epoch` (from 0). It belongs to the caller.
   *
   * @param signal Gives the batch up: nobody waits for it any more.
   */
  batch(epoch: number, index: number, signal?: AbortSignal): Promise<B> | B
  /** Batches to be made ahead of the one in use; worth it where they are read from files. Default 1. */
  readonly readAhead?: number
  /** Seconds of audio in a batch, for the trainer's throughput. Without it throughput is in steps a second. */
  audioSeconds?(batch: B): number
  /**
   * Cuts a batch into equal parts for gradient accumulation. Needed where an array's values refer to other rows of the batch;
   * others are cut along axis 0 (`cutBatch`).
   */
  cut?(batch: B, parts: number): HostBatch[]
  /** Lets go of threads and files. */
  close?(): Promise<void> | void
}

/** A float32 array on the host; `data` must have as many values as `shape` says. */
export const floatArray = (data: Float32Array, shape: readonly number[]): HostArray => ({
  data,
  shape,
  dtype: 'float32',
})

/** An int32 array on the host; `data` must have as many values as `shape` says. */
export const intArray = (data: Int32Array, shape: readonly number[]): HostArray => ({ data, shape, dtype: 'int32' })

/**
 * Uploads a batch to the current engine. The tensors belong to the caller.
 *
 * @throws DataError when an array's length does not match its shape.
 */
export const toTensors = (batch: HostBatch): Record<string, tf.Tensor> => {
  for (const [name, { data, shape }] of Object.entries(batch)) {
    const size = shape.reduce((product, length) => product * length, 1)
    if (size !== data.length) {
      throw new DataError(`"${name}" holds ${data.length} values, but its shape [${shape.join(', ')}] needs ${size}.`, {
        field: name,
      })
    }
  }
  return Object.fromEntries(
    Object.entries(batch).map(([name, { data, shape, dtype }]) => [name, tf.tensor(data, [...shape], dtype)]),
  )
}
