import { readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { openError } from '../file-errors'
import { TorchFileError } from './torch-file-error'

/** Files up to this size are read at once. */
const smallFile = 2 ** 16
const chunkBytes = 2 ** 29

/** Bytes that can be read at any place: a file, or memory. */
export interface ByteSource {
  /** Named in errors. */
  readonly file: string
  readonly size: number
  /** Bytes `at` to `at + length`, all within the source. What is returned must not be changed. */
  view(at: number, length: number): Uint8Array
  /** Reads into a new array of its own buffer. */
  read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>>
  close(): Promise<void>
}

const outside = (file: string) => new TorchFileError('A part of the file lies past its end.', 'truncated', { file })

export class MemorySource implements ByteSource {
  constructor(
    readonly bytes: Uint8Array,
    readonly file: string,
  ) {}

  get size(): number {
    return this.bytes.length
  }

  view(at: number, length: number): Uint8Array {
    if (!(at >= 0 && length >= 0 && at + length <= this.size)) throw outside(this.file)
    return this.bytes.subarray(at, at + length)
  }

  async read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return Uint8Array.from(this.view(at, length))
  }

  async close(): Promise<void> {}
}

class FileSource implements ByteSource {
  constructor(
    private readonly handle: FileHandle,
    readonly size: number,
    readonly file: string,
  ) {}

  view(at: number, length: number): Uint8Array {
    if (!(at >= 0 && length >= 0 && at + length <= this.size)) throw outside(this.file)
    const out = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const count = readSync(this.handle.fd, out, done, Math.min(chunkBytes, length - done), at + done)
      if (count === 0) throw outside(this.file)
      done += count
    }
    return out
  }

  async read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (!(at >= 0 && length >= 0 && at + length <= this.size)) throw outside(this.file)
    const out = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.handle.read(out, done, Math.min(chunkBytes, length - done), at + done)
      if (bytesRead === 0) throw outside(this.file)
      done += bytesRead
    }
    return out
  }

  close(): Promise<void> {
    return this.handle.close()
  }
}

/** @throws CheckpointError if the file cannot be opened. */
export async function openSource(path: string): Promise<ByteSource> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw openError(path, cause)
  })
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw new TorchFileError('This is not a file.', 'not-a-torch-file', { file: path, cure: '' })
    const source = new FileSource(handle, stat.size, path)
    if (stat.size > smallFile) return source
    const bytes = source.view(0, stat.size)
    await handle.close()
    return new MemorySource(bytes, path)
  } catch (error) {
    await handle.close().catch(() => undefined)
    throw error
  }
}

/** Reads a source from front to back, a window at a time. */
export class ByteInput {
  private window: Uint8Array = new Uint8Array(0)
  private windowStart: number

  /** @param at place of the next byte. @param end nothing is read from here on. */
  constructor(
    private readonly source: ByteSource,
    public at: number,
    readonly end: number,
  ) {
    this.windowStart = at
  }

  get remaining(): number {
    return this.end - this.at
  }

  byte(): number {
    return this.take(1)[0]!
  }

  /** The next bytes; valid until the next call. */
  take(length: number): Uint8Array {
    if (length > this.remaining) {
      throw new TorchFileError(
        `${length} bytes are wanted at byte ${this.at}, but the pickle ends at ${this.end}.`,
        'truncated',
        {
          file: this.source.file,
        },
      )
    }
    let from = this.at - this.windowStart
    if (from + length > this.window.length) {
      this.window = this.source.view(this.at, Math.min(this.remaining, Math.max(length, smallFile)))
      this.windowStart = this.at
      from = 0
    }
    this.at += length
    return this.window.subarray(from, from + length)
  }

  /** The text up to the next line feed, which is passed over; at most `longest` bytes. */
  line(longest: number): Uint8Array {
    const bytes: number[] = []
    for (;;) {
      const byte = this.byte()
      if (byte === 0x0a) return Uint8Array.from(bytes)
      bytes.push(byte)
      if (bytes.length > longest) {
        throw new TorchFileError(`A line of more than ${longest} bytes ends at byte ${this.at}.`, 'bad-pickle', {
          file: this.source.file,
        })
      }
    }
  }
}
