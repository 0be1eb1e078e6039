import { type ExampleArguments, parseExampleArguments } from '@babble/example-common'

/** What the demo is asked to do. */
export interface DemoArguments extends ExampleArguments {
  /** Also fine-tune from random weights, and with a tenth of the labels. */
  readonly compare: boolean
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
): DemoArguments => parseExampleArguments(args, environment, { out: 'runs/digits', flags: ['compare'] })
