import { type ExampleArguments, parseExampleArguments } from '@babble/example-common'

/** What the example is asked to do. */
export interface HubertArguments extends ExampleArguments {
  /** A stage to do again, with all that follow from it. */
  readonly from?: string
}

export const helpText = `HuBERT's two iterations on spoken digits, on a CPU: k-means over MFCC, a first model that predicts these clusters, k-means over
one of its layers, a second model that predicts those; how well the clusters stand for the digits after each; then word error
rates after fine-tuning with few labels, beside a wav2vec 2.0 that was pre-trained for as long, and beside random weights.

Usage: npm run example:hubert -- [options]

  --quick       a shortened run of every stage, a minute or two; its figures mean nothing
  --data DIR    recordings in DIR (audio files and manifest.tsv; also DIR/digits); default: the environment variable
                BABBLE_DATA, else the Free Spoken Digit Dataset, which is downloaded once (11 MB),
                else, without a network, synthesised speech
  --out DIR     where the stages and report.html go (default: runs/hubert, with --quick runs/hubert-quick)
  --seed N      seed of all randomness (default: 1)
  --from STAGE  do a stage again, and all that follow from it; what there was of them is put aside
  --fresh       do all stages again; what there was of them is put aside
  --help        this text

Each stage is a folder in DIR. A run that was interrupted (Ctrl-C) or killed goes on from the last finished stage when the same command
is given again; training goes on from its last checkpoint.

Examples:
  npm run example:hubert
  npm run example:hubert -- --from iteration-2
  npm run example:hubert -- --data ~/recordings/digits --seed 7 --out runs/mine
`

/** Reads the command line. @throws ConfigError for options that do not exist or have values that cannot be used. */
export const parseArguments = (
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): HubertArguments => {
  // The stages of a shortened run are others: the two would be in each other's way.
  const out = args.includes('--quick') ? 'runs/hubert-quick' : 'runs/hubert'
  return parseExampleArguments(args, environment, { out, texts: ['from'] })
}
