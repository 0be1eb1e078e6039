import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { unreadable } from '../data/byte-source'

/** What tells a file from another of its name. */
export type FileFingerprint = {
  readonly bytes: number
  /** Of the content, in hexadecimal digits. */
  readonly sha256: string
}

/**
 * Size and SHA-256 of a file, read as a stream. For a manifest this tells a list of recordings (paths, lengths, transcripts) from another;
 * recordings that change in place without their lengths changing are not noticed.
 *
 * @throws DataError when the file cannot be read.
 */
export const fingerprintFile = async (path: string, signal?: AbortSignal): Promise<FileFingerprint> => {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    await pipeline(
      createReadStream(path),
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          bytes += chunk.length
          hash.update(chunk)
        }
      },
      { ...(signal && { signal }) },
    )
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? unreadable(path, error) : error
  }
  return { bytes, sha256: hash.digest('hex') }
}
