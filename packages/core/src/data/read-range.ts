import { open, readFile } from 'node:fs/promises'
import { AudioError, DataError } from '../errors'

/** A file, or a part of one. */
export interface FileRange {
  readonly file: string
  /** Where the part begins, and how long it is, in bytes. Default: the whole file. */
  readonly offset?: number
  readonly bytes?: number
}

/**
 * The bytes of a file, or of one recording in a shard.
 *
 * @throws AudioError naming a file that cannot be read, DataError for a part that the file does not have, or whose length is missing.
 */
export const readRange = async ({ file, offset, bytes }: FileRange): Promise<Uint8Array> => {
  if (offset !== undefined && bytes === undefined) {
    throw new DataError(`a recording begins at byte ${offset}, but its length is not known.`, {
      file,
      field: 'bytes',
      cure: 'Give "bytes" beside "offset" in the manifest: indexShards writes both.',
    })
  }
  try {
    if (offset === undefined || bytes === undefined) return await readFile(file)
    const handle = await open(file)
    try {
      // The size comes from a manifest: it is believed only as far as the file goes.
      const left = Math.max(0, Math.min(bytes, (await handle.stat()).size - offset))
      const part = new Uint8Array(left)
      let at = 0
      while (at < left) {
        const { bytesRead } = await handle.read(part, at, left - at, offset + at)
        if (bytesRead === 0) break
        at += bytesRead
      }
      if (at < bytes) {
        throw new DataError(`it should have ${bytes} bytes from byte ${offset} on, but there are ${at}.`, {
          file,
          cure: 'The shard has changed or is not whole: index it again.',
        })
      }
      return part
    } finally {
      await handle.close()
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    const code = (cause as NodeJS.ErrnoException).code
    throw new AudioError(
      code === 'ENOENT' ? 'There is no such file.' : `The file cannot be read (${code ?? String(cause)}).`,
      {
        file,
        cure: 'Check the path and its permissions.',
        cause,
      },
    )
  }
}
