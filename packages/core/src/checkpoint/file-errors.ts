import { CheckpointError } from '../errors'

/** The system's name of an error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}

/** For `catch`: a file that is not there is undefined. */
export function absent(error: unknown): undefined {
  const code = codeOf(error)
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
}

/** For `catch`: a reader need not be allowed to write, or to list what is beside the file. */
export function denied(error: unknown): void {
  if (!['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error) ?? '')) throw error
}

/** What to say when a file cannot be opened for reading. */
export function openError(file: string, cause: unknown): CheckpointError {
  const code = codeOf(cause)
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new CheckpointError('There is no such file.', { file, cure: 'Check the path.', cause })
  }
  return new CheckpointError(`The file cannot be read (${code ?? String(cause)}).`, {
    file,
    cure: 'Check its permissions.',
    cause,
  })
}

/** What to say when a file cannot be written; errors that are not the file system's stay as they are. */
export function writeError(file: string, error: unknown): unknown {
  const code = codeOf(error)
  if (code === undefined) return error
  const cure =
    code === 'ENOSPC' || code === 'EDQUOT' ? 'The disk is full: make room.' : 'Check the path and its permissions.'
  return new CheckpointError(`It cannot be written (${code}).`, { file, cure, cause: error })
}
