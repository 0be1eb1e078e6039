import { open } from 'node:fs/promises'
import { DataError } from '../errors'

/** A file by its path; or content that is in memory, and the name that errors have for it. */
export type ByteSource = string | { readonly file: string; readonly bytes: Uint8Array }

/** An open {@link ByteSource}. */
export interface OpenBytes {
  readonly file: string
  /** In bytes; 0 for what has none, as pipes. */
  readonly size: number
  /**
   * Fills `target[start, end)` from `position` on, or from where the last read ended.
   *
   * @returns bytes read; 0 at the end.
   */
  read(target: Uint8Array, start: number, end: number, position?: number): Promise<number>
}

/**
 * Opens content, uses it and closes it.
 *
 * @throws DataError naming the file when it cannot be read; whatever `use` throws.
 */
export const withBytes = async <T>(source: ByteSource, use: (bytes: OpenBytes) => Promise<T>): Promise<T> => {
  if (typeof source !== 'string') return use(inMemory(source))
  const handle = await open(source).catch((cause: unknown) => {
    throw unreadable(source, cause)
  })
  try {
    const { size } = await handle.stat()
    return await use({
      file: source,
      size,
      read: async (target, start, end, position) =>
        (await handle.read(target, start, end - start, position ?? null)).bytesRead,
    })
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? unreadable(source, error) : error
  } finally {
    await handle.close()
  }
}

const inMemory = ({ file, bytes }: { file: string; bytes: Uint8Array }): OpenBytes => {
  let at = 0
  return {
    file,
    size: bytes.length,
    read: async (target, start, end, position = at) => {
      const part = bytes.subarray(position, position + end - start)
      target.set(part, start)
      at = position + part.length
      return part.length
    },
  }
}

/** What to say about a list that cannot be opened or read. */
export const unreadable = (file: string, cause: unknown): DataError => {
  const code = (cause as NodeJS.ErrnoException).code
  const message =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? 'there is no such file.'
      : code === 'EISDIR'
        ? 'this is a folder.'
        : `the file cannot be read (${code ?? String(cause)}).`
  return new DataError(message, { file, cause, cure: 'Check the path.' })
}
