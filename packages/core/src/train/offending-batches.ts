import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type HostTensor, writeDirectoryAtomic, writeSafetensors } from '../checkpoint/index'
import type { BatchPosition, HostBatch } from '../data/index'

/** A step whose loss or gradient was not finite. */
export interface OffendingStep extends BatchPosition {
  readonly step: number
  readonly batch: HostBatch
  readonly data: string
  readonly objective: string
  readonly key: readonly number[]
  readonly metrics: Readonly<Record<string, number>>
  /** Parameters whose gradient was not finite. */
  readonly nonFiniteGradients: readonly string[]
}

/** Folders of their own; later ones take turns in one called `last`. */
const mostSaved = 10

/** Saves the batches of steps that were not finite, below a run's folder, so that they can be looked into. */
export class OffendingBatches {
  #saved = 0

  constructor(private readonly runDirectory: string | undefined) {}

  /** How many have been saved. */
  get saved(): number {
    return this.#saved
  }

  restore(saved: number): void {
    this.#saved = saved
  }

  /**
   * Writes `non-finite/step-<step>` with `batch.safetensors` and `info.json`.
   *
   * @returns the folder; undefined for a run without one.
   */
  async save({ batch, metrics, ...rest }: OffendingStep): Promise<string | undefined> {
    if (this.runDirectory === undefined) return undefined
    const name = this.#saved < mostSaved ? `step-${rest.step}` : 'last'
    const directory = join(this.runDirectory, 'non-finite', name)
    const tensors = Object.entries(batch).map(([name, { data, shape, dtype }]): [string, HostTensor] => [
      name,
      { data, shape, dtype: dtype === 'float32' ? 'F32' : 'I32' },
    ])
    const arrays = Object.fromEntries(Object.entries(batch).map(([name, array]) => [name, describeArray(array.data)]))
    // JSON knows no NaN.
    const written = Object.fromEntries(
      Object.entries(metrics).map(([name, value]) => [name, Number.isFinite(value) ? value : String(value)]),
    )
    await writeDirectoryAtomic(directory, async (temporary) => {
      await writeSafetensors(join(temporary, 'batch.safetensors'), tensors)
      await writeFile(
        join(temporary, 'info.json'),
        `${JSON.stringify({ ...rest, metrics: written, arrays }, null, 2)}\n`,
      )
    })
    this.#saved++
    return directory
  }
}

/** Range of an array's finite values, and how many are none. */
const describeArray = (data: Float32Array | Int32Array) => {
  let [low, high, nonFinite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
  for (const value of data) {
    if (!Number.isFinite(value)) nonFinite++
    else {
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
  }
  return { ...(low <= high ? { min: low, max: high } : {}), nonFinite }
}
