/** What every error of Babble can carry beside its message. */
export interface BabbleErrorOptions {
  /** The file at fault, as the caller named it. */
  readonly file?: string
  /** The field, tensor or argument at fault. */
  readonly field?: string
  /** What to do about it, in one sentence. */
  readonly cure?: string
  readonly cause?: unknown
}

/**
 * Base of the errors that Babble throws on purpose. The message names what is wrong; `file` and `field` say where;
 * `cure` (also appended to the message) says what to do next.
 */
export class BabbleError extends Error {
  readonly file?: string
  readonly field?: string
  readonly cure?: string

  constructor(message: string, options: BabbleErrorOptions = {}) {
    const where = options.file === undefined ? '' : `${options.file}: `
    const cure = options.cure === undefined ? '' : ` ${options.cure}`
    super(`${where}${message}${cure}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    if (options.file !== undefined) this.file = options.file
    if (options.field !== undefined) this.field = options.field
    if (options.cure !== undefined) this.cure = options.cure
  }
}

/** A recording that cannot be read or used. */
export class AudioError extends BabbleError {}
/** A checkpoint, safetensors file or model directory that cannot be read or does not fit the model. */
export class CheckpointError extends BabbleError {}
/** A configuration field that is missing, of the wrong type or out of range. */
export class ConfigError extends BabbleError {}
/** A manifest, label or batch that cannot be used. */
export class DataError extends BabbleError {}
/** Training that cannot go on. */
export class TrainingError extends BabbleError {}
/** A video that cannot be read or used. */
export class VideoError extends BabbleError {}
