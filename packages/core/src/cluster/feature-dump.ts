import { readSync } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { toFloat32 } from '../checkpoint/index'
import { DataError } from '../errors'
import type { FeatureFrames } from '../features/index'
import type { FrameSource } from './frame-source'
import { type NpyType, npyHeaderBytes, npyTypes, parseNpyHeader } from './npy'

/** Longest line of a `.len` file that is a number of frames. */
const longestNumber = 15
/** Runs that {@link FeatureDump.gather} reads before others may have their turn. */
const runsPerTurn = 64

/**
 * Features of many utterances on disk, as fairseq's k-means scripts have them: `NAME.npy` holds the frames of all utterances one after
 * the other, `[frames, dim]`; `NAME.len` a line for each utterance, its number of frames. Only the lengths are in memory.
 */
export class FeatureDump implements FrameSource {
  private constructor(
    /** Path of the `.npy` file. */
    readonly path: string,
    readonly frames: number,
    readonly dim: number,
    /** First frame of each utterance, and the number of all frames. */
    private readonly starts: Float64Array,
    private readonly type: NpyType,
    private readonly dataStart: number,
    private readonly handle: FileHandle,
  ) {}

  /**
   * @param path Of the `.npy` file, or without the ending. Without a `.len` file beside it, all frames are one utterance.
   * @throws DataError naming the file for what is no array of frames, or lengths that are not those of the frames.
   */
  static async open(path: string): Promise<FeatureDump> {
    const file = path.endsWith('.npy') ? path : `${path}.npy`
    const handle = await open(file).catch((cause: unknown) => {
      throw new DataError('the features cannot be opened.', { file, cause, cure: 'Check the path.' })
    })
    try {
      const { size } = await handle.stat()
      const beginning = new Uint8Array(Math.min(npyHeaderBytes, size))
      await handle.read(beginning, 0, beginning.length, 0)
      const { type, shape, dataStart } = parseNpyHeader(beginning, size, file)
      const [frames, dim] = shape
      if (shape.length !== 2 || frames === undefined || dim === undefined || dim < 1) {
        throw new DataError(`the array has shape (${shape.join(', ')}); features have (frames, dim).`, {
          file,
          field: 'shape',
        })
      }
      const starts = await readLengths(file.replace(/\.npy$/, '.len'), frames)
      return new FeatureDump(file, frames, dim, starts, type, dataStart, handle)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  get utterances(): number {
    return this.starts.length - 1
  }

  /** Number of frames of an utterance. */
  framesOf(utterance: number): number {
    return this.starts[utterance + 1]! - this.starts[utterance]!
  }

  /** Features of one utterance. */
  async utterance(index: number): Promise<FeatureFrames> {
    if (!(index >= 0 && index < this.utterances))
      throw new RangeError(`${this.path} has ${this.utterances} utterances, not ${index + 1}.`)
    const frames = this.framesOf(index)
    const data = new Float32Array(frames * this.dim)
    await this.read(this.starts[index]!, frames, data)
    return { data, frames, dim: this.dim }
  }

  async *chunks(frames: number): AsyncGenerator<{ data: Float32Array; frames: number; start: number }> {
    yield* readAhead(this, frames, (start, count, into) => this.read(start, count, into))
  }

  async gather(runs: readonly (readonly [number, number])[], into: Float32Array): Promise<void> {
    let at = 0
    for (const [index, [start, frames]] of runs.entries()) {
      // Thousands of short reads: a round through the thread pool for each would take longer than the reading.
      if (index % runsPerTurn === 0) await nextTurn()
      const bytes = this.bytesOf(into.subarray(at, at + frames * this.dim))
      const position = this.dataStart + start * this.dim * npyTypes[this.type]
      if (readSync(this.handle.fd, bytes, 0, bytes.length, position) !== bytes.length) throw this.shortened(start)
      this.convert(bytes, into.subarray(at, at + frames * this.dim))
      at += frames * this.dim
    }
  }

  /** Where a frame of the dump is, for errors. */
  place(frame: number): { file: string; frame: number } {
    return { file: this.path, frame }
  }

  /** Reads frames into the beginning of `into`. */
  async read(start: number, frames: number, into: Float32Array): Promise<void> {
    const values = into.subarray(0, frames * this.dim)
    const bytes = this.bytesOf(values)
    const position = this.dataStart + start * this.dim * npyTypes[this.type]
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await this.handle.read(bytes, done, Math.min(bytes.length - done, 2 ** 29), position + done)
      if (bytesRead === 0) throw this.shortened(start)
      done += bytesRead
    }
    this.convert(bytes, values)
  }

  async close(): Promise<void> {
    await this.handle.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Memory for the file's bytes of these values: their own, where they are stored as they are. */
  private bytesOf(values: Float32Array): Uint8Array {
    if (this.type === '<f4') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    return new Uint8Array(values.length * npyTypes[this.type])
  }

  private convert(bytes: Uint8Array, values: Float32Array): void {
    if (this.type === '<f4') return
    const data = this.type === '<f2' ? new Uint16Array(bytes.buffer) : new Float64Array(bytes.buffer)
    values.set(toFloat32({ data, shape: [values.length], dtype: this.type === '<f2' ? 'F16' : 'F64' }))
  }

  private shortened(frame: number): DataError {
    return new DataError(`the file ended at frame ${frame} while it was read.`, {
      file: this.path,
      cure: 'Something else is writing to it: wait until that is done.',
    })
  }
}

/**
 * Frames of several dumps, one dump after the other.
 *
 * @throws DataError naming a dump whose frames have another size than the first one's.
 */
export const concatenateDumps = (dumps: readonly FeatureDump[]): FrameSource => {
  const first = dumps[0]
  if (!first) throw new DataError('there is no feature dump.', { cure: 'Name at least one.' })
  const starts = [0]
  for (const dump of dumps) {
    if (dump.dim !== first.dim) {
      throw new DataError(`frames have ${dump.dim} numbers, those of ${first.path} ${first.dim}.`, {
        file: dump.path,
        field: 'dim',
        cure: 'Cluster features of one kind.',
      })
    }
    starts.push(starts.at(-1)! + dump.frames)
  }
  const frames = starts.at(-1)!
  /** The dumps that a run of frames lies in, and what of them. */
  const partsOf = (start: number, count: number): [FeatureDump, number, number][] =>
    dumps.flatMap((dump, index): [FeatureDump, number, number][] => {
      const from = Math.max(start, starts[index]!)
      const to = Math.min(start + count, starts[index + 1]!)
      return from < to ? [[dump, from - starts[index]!, to - from]] : []
    })
  const { dim } = first
  return {
    dim,
    frames,
    chunks: (size) =>
      readAhead({ dim, frames }, size, async (start, count, into) => {
        let at = 0
        for (const [dump, from, length] of partsOf(start, count)) {
          await dump.read(from, length, into.subarray(at))
          at += length * dim
        }
      }),
    async gather(runs, into) {
      let at = 0
      // Neighbouring runs of one dump are read in one go.
      let batch: { dump: FeatureDump; runs: [number, number][]; frames: number } | undefined
      const flush = async (): Promise<void> => {
        if (!batch) return
        await batch.dump.gather(batch.runs, into.subarray(at))
        at += batch.frames * dim
        batch = undefined
      }
      for (const [start, count] of runs) {
        for (const [dump, from, length] of partsOf(start, count)) {
          if (batch?.dump !== dump) await flush()
          batch ??= { dump, runs: [], frames: 0 }
          batch.runs.push([from, length])
          batch.frames += length
        }
      }
      await flush()
    },
    place(frame) {
      const [dump, within] = partsOf(frame, 1)[0]!
      return dump.place(within)
    },
  }
}

/** Chunks of a source in two buffers: one is being read into while the other is in use. */
async function* readAhead(
  { dim, frames }: { readonly dim: number; readonly frames: number },
  size: number,
  read: (start: number, frames: number, into: Float32Array) => Promise<void>,
): AsyncGenerator<{ data: Float32Array; frames: number; start: number }> {
  const length = Math.min(size, frames) * dim
  const buffers = [new Float32Array(length), new Float32Array(frames > size ? length : 0)]
  const begin = (start: number) => {
    const count = Math.min(size, frames - start)
    const data = buffers[Math.floor(start / size) % 2]!.subarray(0, count * dim)
    const done = read(start, count, data)
    // The consumer may stop before it comes to this chunk.
    done.catch(() => {})
    return { chunk: { data, frames: count, start }, done }
  }
  let next = frames > 0 ? begin(0) : undefined
  while (next) {
    const { chunk, done } = next
    await done
    const following = chunk.start + size
    next = following < frames ? begin(following) : undefined
    yield chunk
  }
  return
}

/** First frames of the utterances of a `.len` file, and the number of all frames. */
const readLengths = async (file: string, frames: number): Promise<Float64Array> => {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw new DataError('the lengths cannot be read.', { file, cause })
  })
  if (bytes === undefined) return Float64Array.of(0, frames)
  let lines = 0
  for (const byte of bytes) if (byte === 0x0a) lines++
  if (bytes.length > 0 && bytes.at(-1) !== 0x0a) lines++
  const starts = new Float64Array(lines + 1)
  let [line, value, digits] = [0, 0, 0]
  const endLine = (): void => {
    if (digits === 0 || digits > longestNumber) {
      throw new DataError(`line ${line + 1} is no number of frames.`, { file: `${file}:${line + 1}`, field: 'length' })
    }
    starts[line + 1] = starts[line]! + value
    ;[line, value, digits] = [line + 1, 0, 0]
  }
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === 0x0a) endLine()
    else if (byte >= 0x30 && byte <= 0x39) {
      value = value * 10 + byte - 0x30
      digits++
    } else if (byte !== 0x0d || bytes[at + 1] !== 0x0a) digits = longestNumber + 1
  }
  if (line < lines) endLine()
  if (starts[lines] !== frames) {
    throw new DataError(`the lengths add up to ${starts[lines]} frames, but the .npy file has ${frames}.`, {
      file,
      field: 'length',
      cure: 'Make both again together.',
    })
  }
  return starts
}
