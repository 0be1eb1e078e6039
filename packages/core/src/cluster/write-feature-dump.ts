import type { FileHandle } from 'node:fs/promises'
import { writeFileAtomic } from '../checkpoint/index'
import { DataError } from '../errors'
import type { FeatureFrames } from '../features/index'
import { npyHeader, writtenHeaderBytes } from './npy'

/** Bytes that are gathered before they are written. */
const bufferBytes = 2 ** 20

/** Where fairseq's k-means scripts look for part `rank` of `parts` of a split's features: `FOLDER/train_0_1`, without an ending. */
export const featureDumpName = (split: string, rank = 0, parts = 1): string => {
  if (!(Number.isInteger(rank) && Number.isInteger(parts) && rank >= 0 && rank < parts)) {
    throw new RangeError(`part ${rank} of ${parts} is none: parts count from 0.`)
  }
  return `${split}_${rank}_${parts}`
}

export interface WrittenDump {
  readonly utterances: number
  readonly frames: number
  readonly dim: number
}

/**
 * Writes features of utterances as `NAME.npy` (float32) and `NAME.len`, with one utterance in memory at a time. Both files appear whole or
 * not at all; the `.len` file appears last, so where it is, the dump is complete.
 *
 * @param path Of the `.npy` file, or without the ending
 * @throws DataError when there is no utterance, or one has frames of another size; CheckpointError when a file cannot be written.
 */
export const writeFeatureDump = async (
  path: string,
  utterances: AsyncIterable<FeatureFrames> | Iterable<FeatureFrames>,
): Promise<WrittenDump> => {
  const file = path.endsWith('.npy') ? path : `${path}.npy`
  const lengths: number[] = []
  let dim = 0
  let frames = 0
  await writeFileAtomic(file, async (handle) => {
    const out = new BufferedWriter(handle, writtenHeaderBytes)
    for await (const utterance of utterances) {
      if (lengths.length === 0) dim = utterance.dim
      if (utterance.dim !== dim || utterance.data.length !== utterance.frames * dim) {
        throw new DataError(
          `utterance ${lengths.length} has ${utterance.data.length} numbers in ${utterance.frames} frames of ${utterance.dim}; the first one's frames have ${dim}.`,
          { file, field: 'dim', cure: 'Dump features of one kind together.' },
        )
      }
      lengths.push(utterance.frames)
      frames += utterance.frames
      await out.write(utterance.data)
    }
    if (lengths.length === 0) throw new DataError('there is no utterance to write.', { file })
    await out.flush()
    await writeAll(handle, npyHeader(frames, dim), 0)
  })
  await writeFileAtomic(file.replace(/\.npy$/, '.len'), lengths.map((length) => `${length}\n`).join(''))
  return { utterances: lengths.length, frames, dim }
}

class BufferedWriter {
  readonly #buffer = new Uint8Array(bufferBytes)
  #filled = 0

  constructor(
    private readonly handle: FileHandle,
    private position: number,
  ) {}

  async write(values: Float32Array): Promise<void> {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    if (bytes.length > bufferBytes) {
      await this.flush()
      await writeAll(this.handle, bytes, this.position)
      this.position += bytes.length
      return
    }
    if (this.#filled + bytes.length > bufferBytes) await this.flush()
    this.#buffer.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  async flush(): Promise<void> {
    await writeAll(this.handle, this.#buffer.subarray(0, this.#filled), this.position)
    this.position += this.#filled
    this.#filled = 0
  }
}

const writeAll = async (handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> => {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, Math.min(bytes.length - done, 2 ** 29), position + done)).bytesWritten
  }
}
