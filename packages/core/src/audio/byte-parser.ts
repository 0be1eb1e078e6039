/** What is read from: an open file, or a part of one. */
export interface ReadHandle {
  read(target: Uint8Array, at: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
}

/** A part of a file that a parser wants to see. What lies beyond the end is left out of the answer. */
export interface ByteRequest {
  readonly at: number
  readonly length: number
}

/**
 * A parser that asks for the bytes it needs, part by part. The same parser then serves bytes in memory, without waiting, and files on disk, of
 * which it reads no more than it must. Answers may be views of a buffer that the next answer overwrites.
 */
export type ByteParser<Result> = Generator<ByteRequest, Result, Uint8Array>

/** Read at once from a file: requests close to one another are answered from memory. */
const blockBytes = 2 ** 14

/** Runs a parser on bytes in memory. */
export function parseBytes<Result>(parser: ByteParser<Result>, bytes: Uint8Array): Result {
  let step = parser.next()
  while (!step.done) step = parser.next(bytes.subarray(step.value.at, step.value.at + step.value.length))
  return step.value
}

/**
 * Runs a parser on an open file.
 *
 * @param size Bytes of the file.
 */
export async function parseFile<Result>(parser: ByteParser<Result>, handle: ReadHandle, size: number): Promise<Result> {
  let block = new Uint8Array(0)
  let blockAt = 0
  let step = parser.next()
  while (!step.done) {
    const { at } = step.value
    const length = Math.max(0, Math.min(step.value.length, size - at))
    if (at < blockAt || at + length > blockAt + block.length) {
      block = await readBytes(handle, at, Math.min(Math.max(length, blockBytes), size - at))
      blockAt = at
    }
    step = parser.next(block.subarray(at - blockAt, at - blockAt + length))
  }
  return step.value
}

/** Reads a part of a file; fewer bytes if the file ends before. */
export async function readBytes(handle: ReadHandle, at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(Math.max(0, length))
  let held = 0
  while (held < bytes.length) {
    // System calls take less than 2 GiB at a time.
    const { bytesRead } = await handle.read(bytes, held, Math.min(bytes.length - held, 2 ** 30), at + held)
    if (bytesRead === 0) break
    held += bytesRead
  }
  return bytes.subarray(0, held)
}

/** Bytes as characters of one byte each. */
export function asciiAt(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length))
}
