import { BabbleError, ConfigError, PluginError } from '@babble/core'

/** What the process ends with. */
export const exitCodes = {
  ok: 0,
  /** It was tried and failed. */
  failure: 1,
  /** The command line, the recipe or the choice of model is wrong: nothing was begun. */
  usage: 2,
  /** Interrupted by SIGINT: what was done is saved. */
  interrupted: 130,
  /** Interrupted by SIGTERM. */
  terminated: 143,
} as const

/** A command line that cannot be followed. */
export class UsageError extends BabbleError {}

/** Work that was given up because the user asked for it. */
export class Interrupted extends BabbleError {}

export const exitCodeFor = (error: unknown, signal: AbortSignal | undefined): number => {
  if (signal?.aborted) return signal.reason === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
  if (error instanceof UsageError || error instanceof ConfigError || error instanceof PluginError)
    return exitCodes.usage
  return exitCodes.failure
}
