import { AudioError, BabbleError, CheckpointError, ConfigError, DataError } from '../errors'

/** An error's parts: a class does not cross between threads. */
export interface ThreadFailure {
  readonly name: string
  readonly message: string
  readonly file?: string
  readonly field?: string
  readonly cure?: string
}

/** Takes an error apart. @param file Named where the error names none. */
export const toFailure = (error: unknown, file?: string): ThreadFailure => {
  const { name, message, field, cure, ...rest } = error as BabbleError
  const named = rest.file ?? file
  return {
    name: name ?? 'Error',
    message: message ?? String(error),
    ...(named === undefined ? {} : { file: named }),
    ...(field === undefined ? {} : { field }),
    ...(cure === undefined ? {} : { cure }),
  }
}

const kinds = { AudioError, BabbleError, CheckpointError, ConfigError, DataError }

/** Puts an error together again: of the same class where it was one of ours, else a DataError. */
export const fromFailure = ({ name, message, ...options }: ThreadFailure): Error => {
  const Kind = kinds[name as keyof typeof kinds] ?? DataError
  // File and cure are in the message of one of ours already.
  const { file, cure } = options
  const prefix = file === undefined ? '' : `${file}: `
  const suffix = cure === undefined ? '' : ` ${cure}`
  const bare = message.startsWith(prefix) ? message.slice(prefix.length) : message
  return new Kind(bare.endsWith(suffix) ? bare.slice(0, bare.length - suffix.length) : bare, options)
}
