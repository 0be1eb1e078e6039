import { type FileHandle, open, readFile, stat } from 'node:fs/promises'
import { AudioError } from '../errors'
import { parseFile } from './byte-parser'
import { type AudioFormat, sniffFormat } from './sniff'

/** An open file that begins like one of the formats. */
export interface OpenAudio {
  readonly handle: FileHandle
  /** Bytes of the file. */
  readonly size: number
  readonly format: AudioFormat
}

/**
 * Opens a recording, hands it on and closes it.
 *
 * @throws AudioError for a file that is missing, unreadable or of no format that is read; other AudioErrors of `use` pass through.
 */
export async function withAudioFile<Result>(path: string, use: (file: OpenAudio) => Promise<Result>): Promise<Result> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path)
    const { size } = await handle.stat()
    if (size === 0) await handle.read(new Uint8Array(1)) // says if it is a folder
    const format = await parseFile(sniffFormat(size, path), handle, size)
    return await use({ handle, size, format })
  } catch (cause) {
    throw cause instanceof AudioError ? cause : readError(path, cause)
  } finally {
    await handle?.close()
  }
}

/** The content of a pipe or device, which cannot be read in parts; undefined for an ordinary file. */
export async function readSpecialFile(path: string): Promise<Uint8Array | undefined> {
  try {
    const found = await stat(path)
    return found.isFile() || found.isDirectory() ? undefined : await readFile(path)
  } catch (cause) {
    throw readError(path, cause)
  }
}

function readError(file: string, cause: unknown): unknown {
  const code = (cause as NodeJS.ErrnoException).code
  switch (code) {
    case undefined:
      return cause
    case 'ENOENT':
    case 'ENOTDIR':
      return new AudioError('There is no such file.', { file, cure: 'Check the path.', cause })
    case 'EISDIR':
      return new AudioError('This is a folder.', { file, cure: 'Name a recording in it.', cause })
    case 'ERR_FS_FILE_TOO_LARGE':
      return new AudioError('The file is larger than 2 GiB.', { file, cure: 'Split the recording.', cause })
    default:
      return new AudioError(`The file cannot be read (${code}).`, { file, cure: 'Check its permissions.', cause })
  }
}
