import { CheckpointError } from '../errors'

/** What is wrong with a safetensors file: one name for each fault of the format. */
export type SafetensorsFault =
  /** Fewer than the 8 bytes of the header's length. */
  | 'file-too-small'
  /** The header claims more than 100,000,000 bytes. */
  | 'header-too-large'
  /** The header claims more bytes than follow. */
  | 'header-truncated'
  | 'header-not-utf8'
  | 'header-not-json'
  | 'header-not-object'
  /** A key of some object of the header comes twice. */
  | 'duplicate-key'
  /** `__metadata__` is not an object. */
  | 'metadata-not-object'
  /** `__metadata__` holds something other than strings. */
  | 'metadata-not-string'
  /** A tensor's entry is not an object, or lacks its shape or its two offsets. */
  | 'bad-entry'
  | 'unknown-dtype'
  /** A number is not an integer from 0 to 2^53 - 1, or a size passes that bound. */
  | 'overflow'
  /** A tensor ends before it begins. */
  | 'offsets-reversed'
  /** The range is not as long as shape and dtype make it. */
  | 'size-mismatch'
  /** Two tensors share bytes. */
  | 'overlap'
  /** Bytes between tensors belong to none. */
  | 'hole'
  /** A tensor ends past the end of the file, as in a file that was cut off. */
  | 'past-end'
  /** Bytes after the last tensor belong to none. */
  | 'trailing-bytes'

/** A safetensors file that is damaged or hostile; `fault` says how, for programs. */
export class SafetensorsError extends CheckpointError {
  constructor(
    message: string,
    readonly fault: SafetensorsFault,
    where: { readonly file?: string | undefined; readonly field?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, {
      ...where,
      cure: 'The file is damaged or is not a safetensors file: fetch or save it again.',
    } as ConstructorParameters<typeof CheckpointError>[1])
  }
}
