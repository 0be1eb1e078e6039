import { type FileHandle, open } from 'node:fs/promises'
import { unreadable } from '../data/byte-source'
import { DataError } from '../errors'
import { type FrameLabelIndex, FrameLabelScanner, parseFrameLabels } from './frame-label-scanner'

const chunkBytes = 2 ** 20

/** Classes of the frames of utterances: the targets of masked prediction. */
export interface FrameLabels {
  /** For errors. */
  readonly path: string
  readonly utterances: number
  /** The largest label; -1 where there is none. */
  readonly largest: number
  /** Labels of an utterance. @throws RangeError for an utterance that is not there. */
  count(utterance: number): number
  /**
   * Labels `[start, start + length)` of an utterance. Default: all of them.
   *
   * @throws RangeError for labels that are not there; DataError when the file has changed since it was opened, or was closed.
   */
  read(utterance: number, start?: number, length?: number): Promise<Int32Array>
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface OpenFrameLabelsOptions {
  readonly signal?: AbortSignal
  /** Bytes looked at so far, and all. */
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * Opens a `.km` file, as `dumpLabels` and fairseq's k-means scripts write it: a line for each utterance, a whole number for each frame. The
 * file is gone through once, every byte of it is checked, and 12 bytes a line are kept; labels are read from the file as they are asked
 * for. An empty line is an utterance without labels; line ends are LF or CR LF, and the last one may be missing.
 *
 * @throws DataError naming the file when it cannot be read, and the line for what is no label.
 */
export const openFrameLabels = async (
  path: string,
  { signal, onProgress }: OpenFrameLabelsOptions = {},
): Promise<FrameLabels> => {
  const fail = (cause: unknown): never => {
    throw cause instanceof Error && 'syscall' in cause ? unreadable(path, cause) : cause
  }
  const handle = await open(path).catch(fail)
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) {
      throw new DataError('this is no file; labels are read here and there, as they are asked for.', {
        file: path,
        cure: 'Name a .km file.',
      })
    }
    const scanner = new FrameLabelScanner(path)
    const buffer = new Uint8Array(chunkBytes)
    for (let done = 0; ; ) {
      signal?.throwIfAborted()
      const { bytesRead } = await handle.read(buffer, 0, chunkBytes, done)
      if (bytesRead === 0) break
      scanner.push(buffer.subarray(0, bytesRead))
      done += bytesRead
      onProgress?.(done, Math.max(done, stats.size))
    }
    return new FrameLabelFile(path, handle, scanner.finish())
  } catch (error) {
    await handle.close()
    return fail(error)
  }
}

/** Labels that are in memory, a row for each utterance. @throws DataError naming the row of what is no label. */
export const labelsInMemory = (rows: readonly (readonly number[] | Int32Array)[]): FrameLabels => {
  const path = 'labels'
  const labels = rows.map((row, utterance) => {
    const copy = Int32Array.from(row)
    const bad = copy.findIndex((label, i) => label !== row[i] || label < 0)
    if (bad >= 0) {
      throw new DataError(`label ${bad + 1} is ${row[bad]}; labels are whole numbers from 0 on.`, {
        file: `${path}:${utterance + 1}`,
        field: 'labels',
      })
    }
    return copy
  })
  const row = (utterance: number): Int32Array => {
    checkUtterance(path, utterance, labels.length)
    return labels[utterance]!
  }
  return {
    path,
    utterances: labels.length,
    largest: labels.reduce((largest, values) => values.reduce((a, b) => Math.max(a, b), largest), -1),
    count: (utterance) => row(utterance).length,
    read: async (utterance, start = 0, length = row(utterance).length - start) => {
      checkRange(path, utterance, start, length, row(utterance).length)
      return row(utterance).slice(start, start + length)
    },
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
}

class FrameLabelFile implements FrameLabels {
  readonly path: string
  readonly utterances: number
  readonly largest: number
  readonly #handle: FileHandle
  readonly #index: FrameLabelIndex

  constructor(path: string, handle: FileHandle, index: FrameLabelIndex) {
    this.path = path
    this.utterances = index.counts.length
    this.largest = index.largest
    this.#handle = handle
    this.#index = index
  }

  count(utterance: number): number {
    checkUtterance(this.path, utterance, this.utterances)
    return this.#index.counts[utterance]!
  }

  async read(utterance: number, start = 0, length = this.count(utterance) - start): Promise<Int32Array> {
    const count = this.count(utterance)
    checkRange(this.path, utterance, start, length, count)
    if (this.#handle.fd < 0) throw new DataError('the labels have been closed.', { file: this.path })
    const { starts, largest } = this.#index
    const position = starts[utterance]!
    const line = new Uint8Array(starts[utterance + 1]! - position)
    for (let done = 0; done < line.length; ) {
      const { bytesRead } = await this.#handle.read(line, done, line.length - done, position + done)
      if (bytesRead === 0) throw this.#changed(utterance, 'the file has become shorter since it was opened')
      done += bytesRead
    }
    const labels = parseFrameLabels(line, { count, largest, start, length })
    if (!labels) throw this.#changed(utterance, 'the line has changed since the file was opened')
    return labels
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #changed(utterance: number, what: string): DataError {
    return new DataError(`${what}.`, {
      file: `${this.path}:${utterance + 1}`,
      cure: 'Something else writes to it: wait until that is done, and begin again.',
    })
  }
}

const checkUtterance = (path: string, utterance: number, utterances: number): void => {
  if (Number.isInteger(utterance) && utterance >= 0 && utterance < utterances) return
  throw new RangeError(`${path} has no utterance ${utterance}: it has ${utterances}.`)
}

const checkRange = (path: string, utterance: number, start: number, length: number, count: number): void => {
  if (Number.isInteger(start) && Number.isInteger(length) && start >= 0 && length >= 0 && start + length <= count)
    return
  throw new RangeError(
    `${path}:${utterance + 1} has ${count} labels, not ${length} from number ${start} on (counted from 0).`,
  )
}
