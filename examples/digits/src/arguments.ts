import { parseArgs } from 'node:util'
import { ConfigError } from '@babble/core'

/** What the demo is asked to do. */
export interface DemoArguments {
  readonly help: boolean
  /** A folder of recordings to use in place of the public ones. */
  readonly data?: string
  /** Where checkpoints, models and the report go. */
  readonly out: string
  readonly seed: number
  /** A shortened run, for trying whether everything works. */
  readonly quick: boolean
  /** Also fine-tune from random weights, and with a tenth of the labels. */
  readonly compare: boolean
  /** Put an earlier run aside and start anew. */
  readonly fresh: boolean
}

export const helpText = `Learns to recognise spoken digits, in minutes, on a CPU: pre-trains a small wav2vec 2.0 on recordings without labels,
fine-tunes it with CTC, transcribes takes that it never heard and a speaker that it never heard, and writes a report.

Usage: npm run demo -- [options]

  --compare     also fine-tune from random weights, and both with a tenth of the labels (about four times as long)
  --quick       a shortened run of every stage, about a minute; its word error rates mean nothing
  --data DIR    recordings in DIR (audio files and manifest.tsv; also DIR/digits); default: the environment variable
                BABBLE_DATA, else the Free Spoken Digit Dataset, which is downloaded once (11 MB),
                else, without a network, synthesised speech
  --out DIR     where checkpoints, models and report.html go (default: runs/digits)
  --seed N      seed of all randomness (default: 1)
  --fresh       start anew though DIR holds an interrupted run
  --help        this text

An interrupted run (Ctrl-C) goes on where it stopped when the same command is given again.

Examples:
  npm run demo
  npm run demo -- --compare --out runs/compare
  npm run demo -- --data ~/recordings/digits --seed 7
`

/** Reads the command line. @throws ConfigError for options that do not exist or have values that cannot be used. */
export const parseArguments = (
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): DemoArguments => {
  const options = {
    help: { type: 'boolean', short: 'h' },
    data: { type: 'string' },
    out: { type: 'string', default: 'runs/digits' },
    seed: { type: 'string', default: '1' },
    quick: { type: 'boolean' },
    compare: { type: 'boolean' },
    fresh: { type: 'boolean' },
  } as const
  const parse = () => {
    try {
      return parseArgs({ args: [...args], options }).values
    } catch (cause) {
      const message = (cause as Error).message.split('\n')[0]!.split('. ')[0]!.replace(/\.$/, '')
      throw new ConfigError(`${message}.`, { cause, cure: 'See --help.' })
    }
  }
  const values = parse()
  const seed = Number(values.seed)
  if (!/^\d+$/.test(values.seed.trim()) || !Number.isSafeInteger(seed)) {
    throw new ConfigError(`--seed is "${values.seed}".`, {
      field: 'seed',
      cure: 'Give a whole number, such as --seed 7.',
    })
  }
  for (const name of ['out', 'data'] as const) {
    if (values[name] === '') throw new ConfigError(`--${name} is empty.`, { field: name, cure: 'Name a folder.' })
  }
  const data = values.data ?? (environment.BABBLE_DATA || undefined)
  return {
    help: values.help ?? false,
    ...(data === undefined ? {} : { data }),
    out: values.out,
    seed,
    quick: values.quick ?? false,
    compare: values.compare ?? false,
    fresh: values.fresh ?? false,
  }
}
