import type { ProgressStream } from '@babble/core'

/** What the command needs of the process it runs in; tests give it another. */
export interface CommandIo {
  /** The result. */
  readonly out: (text: string) => void
  /** Progress, notes and errors. */
  readonly err: ProgressStream & { write(text: string): unknown }
  /** The user's working folder. */
  readonly cwd: string
  /** Aborted when the user interrupts; its reason is the signal's name. */
  readonly signal?: AbortSignal
}
