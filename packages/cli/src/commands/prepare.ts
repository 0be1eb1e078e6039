import { join } from 'node:path'
import {
  type CorpusLayout,
  type CorpusSummary,
  formatDuration,
  indexShards,
  prepareCorpus,
  readManifest,
  type ShardIndex,
  writeShards,
} from '@babble/core'
import { Argument, type Command } from 'commander'
import { exitCodes, UsageError } from '../exit-codes'
import { addCommonOptions, type CommonOptions, type Session } from '../session'
import type { SessionMaker } from './train'
import { wholeNumber } from './transcribe'

const layouts = ['auto', 'folder', 'librispeech', 'grid', 'lrs3', 'webdataset']

interface PrepareOptions extends CommonOptions {
  readonly sampleRate: string
  readonly minSeconds?: string
  readonly maxSeconds?: string
  readonly valid?: string
  readonly test?: string
  readonly splitBy?: 'speaker' | 'utterance'
  readonly seed: string
  readonly case: 'keep' | 'upper' | 'lower'
  readonly pack?: string
}

const between = (name: string, text: string, below = Number.POSITIVE_INFINITY): number => {
  const value = Number(text)
  if (value > 0 && value < below && text.trim() !== '') return value
  const cure = `Give a number above 0${below === 1 ? ' and below 1, such as 0.05' : ''}.`
  throw new UsageError(`${name} is "${text}".`, { field: name, cure })
}

const summaryText = ({ layout, splits, skipped }: CorpusSummary): string => {
  const rows = Object.entries(splits).map(([name, { clips, seconds, speakers, transcribed, manifest }]) => {
    const texts = transcribed === clips ? 'all transcribed' : `${transcribed} transcribed`
    const voices = speakers > 0 ? `, ${speakers} speakers` : ''
    return `${name}: ${clips} recordings, ${formatDuration(seconds)}${voices}, ${texts}: ${manifest}\n`
  })
  const left = skipped.count > 0 ? `Left out ${skipped.count}: see ${skipped.file}\n` : ''
  return `Layout: ${layout}\n${rows.join('')}${left}`
}

const shardsText = ({ clips, shards, manifest, skipped }: ShardIndex): string =>
  `${clips} recordings in ${shards} shards: ${manifest}\n${skipped.length > 0 ? `Left out ${skipped.length}, such as ${skipped[0]!.path}: ${skipped[0]!.reason}\n` : ''}`

const prepare = async (
  layout: string,
  source: string,
  output: string,
  options: PrepareOptions,
  session: Session,
): Promise<number> => {
  const sampleRate = wholeNumber('--sample-rate', options.sampleRate)
  const { signal } = session.io
  const stop = signal ? { signal } : {}
  const from = session.path(source)
  const to = session.path(output)
  if (layout === 'webdataset') {
    const index = await indexShards(from, {
      sampleRate,
      output: join(to, 'manifest.jsonl'),
      onProgress: (done, total) => session.progress('Shards', done, total),
      ...stop,
    })
    session.result(shardsText(index), index)
    return exitCodes.ok
  }
  const shares = {
    ...(options.valid === undefined ? {} : { valid: between('--valid', options.valid, 1) }),
    ...(options.test === undefined ? {} : { test: between('--test', options.test, 1) }),
  }
  const seconds = (name: string, text: string) => Math.round(between(name, text) * sampleRate)
  const summary = await prepareCorpus({
    source: from,
    output: to,
    sampleRate,
    seed: wholeNumber('--seed', options.seed, 0),
    textCase: options.case,
    ...(layout === 'auto' ? {} : { layout: layout as CorpusLayout }),
    ...(Object.keys(shares).length > 0 ? { splits: shares } : {}),
    ...(options.splitBy === undefined ? {} : { splitBy: options.splitBy }),
    ...(options.minSeconds === undefined ? {} : { minSamples: seconds('--min-seconds', options.minSeconds) }),
    ...(options.maxSeconds === undefined ? {} : { maxSamples: seconds('--max-seconds', options.maxSeconds) }),
    onProgress: (done, total) => session.progress('Recordings', done, total),
    ...stop,
  })
  const packed: Record<string, ShardIndex> = {}
  if (options.pack !== undefined) {
    const shardBytes = wholeNumber('--pack', options.pack) * 2 ** 20
    for (const [name, { manifest }] of Object.entries(summary.splits)) {
      session.note(`Packing ${name} ...`)
      const shards = { output: join(to, 'shards', name), shardBytes, sampleRate, ...stop }
      packed[name] = await writeShards(await readManifest(manifest), shards)
    }
  }
  const shown = Object.entries(packed).map(([name, index]) => `${name}, packed: ${shardsText(index)}`)
  session.result(summaryText(summary) + shown.join(''), {
    ...summary,
    ...(options.pack === undefined ? {} : { packed }),
  })
  return exitCodes.ok
}

export const addPrepareCommand = (program: Command, session: SessionMaker): void => {
  const command = program
    .command('prepare')
    .description('Make manifests of a corpus: what there is, how long it is, what is said in it')
    .addArgument(
      new Argument('<layout>', 'how the corpus lies on the disk; auto: told from the files').choices(layouts),
    )
    .argument('<source>', 'folder of the corpus; nothing in it is changed')
    .argument('<output>', 'folder that manifests and label files go to')
    .option('--sample-rate <hertz>', 'rate that recordings will be loaded at, which lengths are given at', '16000')
    .option('--min-seconds <number>', 'leave out shorter recordings')
    .option('--max-seconds <number>', 'leave out longer recordings')
    .option('--valid <share>', 'hold out a share for validation (default: the parts that the corpus has)')
    .option('--test <share>', 'hold out a share for testing')
    .addOption(
      program.createOption('--split-by <what>', 'what stays together in a part').choices(['speaker', 'utterance']),
    )
    .option('--seed <number>', 'of what is held out', '1')
    .addOption(
      program
        .createOption('--case <case>', 'letters of the transcripts')
        .choices(['keep', 'upper', 'lower'])
        .default('keep'),
    )
    .option('--pack <MiB>', 'also pack the recordings into tar shards of this size')
    .addHelpText(
      'after',
      `
Examples:
  babble prepare folder recordings corpus --valid 0.1 --test 0.1
  babble prepare librispeech LibriSpeech/train-clean-100 corpus --max-seconds 20
  babble prepare auto GRID corpus --case lower --json
  babble prepare webdataset shards corpus

For each part it writes PART.jsonl, fairseq's PART.tsv and, where everything has a transcript, PART.wrd and PART.ltr. Given again after an
interruption, the command goes on.
`,
    )
  addCommonOptions(command).action((layout: string, source: string, output: string, options: PrepareOptions) =>
    session.run(options, (active) => prepare(layout, source, output, options, active)),
  )
}
