import type { ModelPlugin } from '@babble/core'
import { plugin as hubert } from '@babble/hubert/plugin'
import { plugin as wav2vec2 } from '@babble/wav2vec2/plugin'
import { run } from '../run'

export interface CommandResult {
  readonly code: number
  /** Standard output. */
  readonly out: string
  /** Standard error. */
  readonly err: string
}

export interface RunCommandOptions {
  readonly cwd?: string
  readonly signal?: AbortSignal
  /** Told what is written to standard error. */
  readonly onErr?: (text: string) => void
  /** Default: wav2vec2 and hubert, from their sources; `installed` looks for packages in the working folder. */
  readonly plugins?: readonly ModelPlugin[] | 'installed'
}

/** Runs the command in this process, and keeps what it writes. */
export const runCommand = async (argv: readonly string[], options: RunCommandOptions = {}): Promise<CommandResult> => {
  const { cwd = process.cwd(), signal, onErr, plugins = [wav2vec2, hubert] } = options
  let out = ''
  let err = ''
  const io = {
    out: (text: string) => {
      out += text
    },
    err: {
      write: (text: string) => {
        err += text
        onErr?.(text)
      },
    },
    cwd,
    ...(signal ? { signal } : {}),
  }
  const code = await run(argv, io, plugins === 'installed' ? { lookIn: [cwd] } : { plugins })
  return { code, out, err }
}
