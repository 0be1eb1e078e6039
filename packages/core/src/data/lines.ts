import { isUtf8 } from 'node:buffer'
import { type ByteSource, type OpenBytes, withBytes } from './byte-source'

/** Longest line that is read: an hour of frame labels fits many times, a file without line ends does not. */
const longestLine = 2 ** 24
const chunkBytes = 2 ** 18

/**
 * Told of one line: `bytes[start, end)` without its line end. The bytes are only valid during the call.
 *
 * @returns false to stop reading.
 */
export type LineVisitor = (bytes: Buffer, start: number, end: number, line: number) => unknown

export interface LineFault {
  /** From 1. */
  readonly line: number
  readonly message: string
}

export interface ScanOptions {
  /** Told of lines that are not UTF-8 or too long; such lines are not visited. */
  readonly onFault: (fault: LineFault) => void
  readonly signal?: AbortSignal
}

/**
 * Visits a text file's lines in order, with memory for a chunk and the longest line. Line ends are LF or CR LF; a byte order mark is
 * skipped; what follows the last line end is a line unless it is empty.
 *
 * @throws DataError naming the file when it cannot be read.
 */
export const scanLines = (source: ByteSource, visit: LineVisitor, options: ScanOptions): Promise<void> =>
  withBytes(source, (bytes) => scan(bytes, visit, options))

const scan = async (bytes: OpenBytes, visit: LineVisitor, { onFault, signal }: ScanOptions): Promise<void> => {
  let buffer = Buffer.allocUnsafeSlow(bytes.size > 0 ? Math.min(chunkBytes, bytes.size + 1) : chunkBytes)
  /** Bytes of `buffer` that are filled: the beginning of a line whose end has not been read yet, then what is new. */
  let filled = 0
  let line = 0
  let tooLong = false
  const emit = (start: number, end: number): boolean => {
    line++
    let from = start
    if (line === 1 && buffer[start] === 0xef && buffer[start + 1] === 0xbb && buffer[start + 2] === 0xbf) from += 3
    const to = end > from && buffer[end - 1] === 0x0d ? end - 1 : end
    if (!isUtf8(buffer.subarray(from, to))) {
      onFault({ line, message: 'the line is not UTF-8 text.' })
      return true
    }
    return visit(buffer, from, to, line) !== false
  }
  for (;;) {
    signal?.throwIfAborted()
    if (filled === buffer.length) {
      if (buffer.length >= longestLine) {
        tooLong = true
        filled = 0
      } else {
        const grown = Buffer.allocUnsafeSlow(buffer.length * 2)
        buffer.copy(grown)
        buffer = grown
      }
    }
    const bytesRead = await bytes.read(buffer, filled, buffer.length)
    if (bytesRead === 0) break
    const end = filled + bytesRead
    let start = 0
    for (let at = buffer.indexOf(0x0a, filled); at >= 0 && at < end; at = buffer.indexOf(0x0a, start)) {
      if (tooLong) {
        onFault({ line: ++line, message: `the line is longer than ${longestLine} bytes.` })
        tooLong = false
      } else if (!emit(start, at)) return
      start = at + 1
    }
    if (tooLong) start = end
    buffer.copyWithin(0, start, end)
    filled = end - start
  }
  if (tooLong) onFault({ line: ++line, message: `the line is longer than ${longestLine} bytes.` })
  else if (filled > 0) emit(0, filled)
}
