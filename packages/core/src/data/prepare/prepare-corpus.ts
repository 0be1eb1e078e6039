import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { resampledLength } from '../../audio/index'
import { writeFileAtomic } from '../../checkpoint/index'
import { ConfigError, DataError } from '../../errors'
import type { Clip } from '../clip'
import { toLetters } from '../labels'
import { writeLines, writeManifest } from '../write-manifest'
import { type FoundClip, type Problem, stemOf } from './found'
import { type CorpusLayout, corpusLayouts, layoutOf } from './layouts'
import { ProbeJournal } from './probe'
import { divide, type SplitOptions } from './splits'
import { countVideoFrames, extractAudio } from './video'
import { sourceFiles } from './walk'

export interface PrepareCorpusOptions extends Partial<SplitOptions> {
  /** Folder of the corpus; nothing in it is changed. */
  readonly source: string
  /** Folder that manifests and label files go to. */
  readonly output: string
  /** Default: told from the files (`detectLayout`). */
  readonly layout?: CorpusLayout
  /** Hz that lengths are given at: what the recordings will be loaded at. Default 16000. */
  readonly sampleRate?: number
  /** Shorter recordings are left out, in samples. Default 1. */
  readonly minSamples?: number
  /** Longer recordings are left out, in samples. Default: no limit. */
  readonly maxSamples?: number
  /** Letters of the transcripts. Default `keep`. */
  readonly textCase?: 'keep' | 'upper' | 'lower'
  /** Called as recordings are done with. */
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** What a split holds. */
export interface SplitSummary {
  readonly clips: number
  readonly seconds: number
  readonly speakers: number
  /** Words of all transcripts. */
  readonly words: number
  /** Recordings with a transcript. */
  readonly transcribed: number
  /** The JSON Lines manifest. */
  readonly manifest: string
  /** All files written for the split, the manifest among them. */
  readonly files: readonly string[]
}

export interface CorpusSummary {
  readonly layout: CorpusLayout
  readonly source: string
  readonly sampleRate: number
  readonly splits: Readonly<Record<string, SplitSummary>>
  readonly skipped: {
    readonly count: number
    /** Tab-separated: path and reason of each. */
    readonly file: string
    readonly first: readonly Problem[]
  }
}

/** Recordings looked at at a time. */
const concurrency = 8

/**
 * Makes a corpus ready for training. For each split: `SPLIT.jsonl` (paths, lengths, transcripts, speakers), fairseq's `SPLIT.tsv` (with
 * AV-HuBERT's columns where all recordings have a video), and, where all have a transcript, `SPLIT.wrd` and `SPLIT.ltr`; and
 * `skipped.tsv` and `summary.json`. Splits are the layout's own, or drawn as `splits` says, or all is `train`.
 *
 * Lengths come from headers. Files that cannot be used are left out and listed. Run again after an interruption, it does not look at the
 * same files again; each file appears whole, `summary.json` last.
 *
 * @throws DataError when nothing in the source can be used, ConfigError for options that make no sense.
 */
export const prepareCorpus = async (options: PrepareCorpusOptions): Promise<CorpusSummary> => {
  const { sampleRate = 16000, signal } = options
  const source = resolve(options.source)
  const output = resolve(options.output)
  const files = await sourceFiles(source, signal ? { signal } : {})
  // What an earlier run wrote below the source is no part of the corpus.
  const inside = `${relative(source, output)}/`
  const own =
    inside === '/' || inside.startsWith('..')
      ? files
      : { ...files, files: files.files.filter((path) => !path.startsWith(inside)) }
  const layout = options.layout ?? (await layoutOf(own, source))
  if (!(layout in corpusLayouts)) {
    throw new ConfigError(`the layout "${layout}" is not known.`, {
      field: 'layout',
      cure: `It is one of ${Object.keys(corpusLayouts).join(', ')}.`,
    })
  }
  const findings = await corpusLayouts[layout](own, source)
  const problems = findings.problems.map(({ path, reason }) => ({ path: resolve(source, path), reason }))
  await mkdir(output, { recursive: true })
  const journal = await ProbeJournal.open(join(output, '.prepare.jsonl'))
  const clips: Clip[] = []
  try {
    for (const result of await probeAll(findings.clips, { ...options, source, output, journal })) {
      if ('reason' in result) problems.push(result)
      else clips.push(result)
    }
  } finally {
    await journal.flush()
  }
  if (clips.length === 0) {
    const first = problems[0]
    throw new DataError(
      first
        ? `none of its ${problems.length} recordings can be used. ${first.path}: ${first.reason}`
        : `it has no recordings in the layout "${layout}".`,
      { file: source, cure: 'Check the layout and the limits on length.' },
    )
  }
  const { splits, splitBy, seed } = options
  const drawn =
    splits && divide(clips, { splits, ...(splitBy ? { splitBy } : {}), ...(seed === undefined ? {} : { seed }) })
  const parts = new Map<string, Clip[]>()
  for (const [index, clip] of clips.entries()) {
    const split = drawn?.[index] ?? clip.split ?? 'train'
    if (!parts.has(split)) parts.set(split, [])
    parts.get(split)!.push({ ...clip, split })
  }
  const summary = await writeCorpus({ layout, source, output, sampleRate, parts, problems })
  await journal.remove()
  return summary
}

interface ProbeOptions extends PrepareCorpusOptions {
  readonly journal: ProbeJournal
}

/** Stems that several videos share, such as a.mp4 and a.mov: their sounds need names of their own. */
const sharedStems = (found: readonly FoundClip[]): ReadonlySet<string> => {
  const seen = new Set<string>()
  const shared = new Set<string>()
  for (const { isVideo, path } of found) {
    if (!isVideo) continue
    const stem = stemOf(path)
    if (seen.has(stem)) shared.add(stem)
    seen.add(stem)
  }
  return shared
}

const probeAll = async (found: readonly FoundClip[], options: ProbeOptions): Promise<(Clip | Problem)[]> => {
  const results: (Clip | Problem)[] = new Array(found.length)
  const shared = sharedStems(found)
  let next = 0
  let done = 0
  const worker = async () => {
    while (next < found.length) {
      options.signal?.throwIfAborted()
      const index = next++
      const clip = found[index]!
      results[index] = await toClip(clip, shared, options).catch((error: Error) => {
        options.signal?.throwIfAborted()
        return { path: resolve(options.source, clip.path), reason: error.message }
      })
      options.onProgress?.(++done, found.length)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return results
}

const toClip = async (
  found: FoundClip,
  shared: ReadonlySet<string>,
  options: ProbeOptions,
): Promise<Clip | Problem> => {
  const { source, output, journal, sampleRate = 16000, minSamples = 1, maxSamples = Number.POSITIVE_INFINITY } = options
  const { textCase = 'keep', signal } = options
  const { speaker, split, id } = found
  let path = resolve(source, found.path)
  if (found.isVideo) {
    const stem = stemOf(found.path)
    const target = join(output, 'audio', `${shared.has(stem) ? found.path : stem}.wav`)
    await extractAudio(path, target, sampleRate, signal)
    path = target
  }
  const video = found.video === undefined ? undefined : resolve(source, found.video)
  const info = await journal.probe(path, video === undefined ? undefined : () => countVideoFrames(video, signal))
  const samples = resampledLength(info.frames, info.sampleRate, sampleRate)
  if (samples < minSamples) return { path, reason: `${samples} samples, fewer than ${minSamples}.` }
  if (samples > maxSamples) return { path, reason: `${samples} samples, more than ${maxSamples}.` }
  const text = { keep: found.text, upper: found.text?.toUpperCase(), lower: found.text?.toLowerCase() }[textCase]
  const fields = {
    ...(id === undefined ? {} : { id }),
    ...(video === undefined ? {} : { video }),
    ...(info.videoFrames === undefined ? {} : { videoFrames: `${info.videoFrames}` }),
  }
  return {
    path,
    samples,
    ...(text === undefined ? {} : { text }),
    ...(speaker === undefined ? {} : { speaker }),
    ...(split === undefined ? {} : { split }),
    ...(Object.keys(fields).length === 0 ? {} : { fields }),
  }
}

interface CorpusParts {
  readonly layout: CorpusLayout
  readonly source: string
  readonly output: string
  readonly sampleRate: number
  readonly parts: ReadonlyMap<string, readonly Clip[]>
  readonly problems: readonly Problem[]
}

const writeCorpus = async ({
  layout,
  source,
  output,
  sampleRate,
  parts,
  problems,
}: CorpusParts): Promise<CorpusSummary> => {
  const summaryFile = join(output, 'summary.json')
  const before = await readFile(summaryFile, 'utf8')
    .then((text) => Object.values((JSON.parse(text) as CorpusSummary).splits).flatMap(({ files }) => files))
    .catch(() => [])
  // Without its summary, what is being replaced does not pass for finished.
  await rm(summaryFile, { force: true })
  const splits: Record<string, SplitSummary> = {}
  const stems = new Set<string>()
  for (const [name, clips] of [...parts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const stem = distinctStem(name, stems)
    splits[name] = await writeSplit(stem, clips, { source, output, sampleRate })
  }
  const written = new Set(Object.values(splits).flatMap(({ files }) => files))
  for (const file of before) {
    // A summary that was copied here names files of the folder that it comes from.
    const isOwn = typeof file === 'string' && dirname(file) === output
    if (isOwn && !written.has(file)) await rm(file, { force: true })
  }
  const file = join(output, 'skipped.tsv')
  const oneLine = (text: string) => text.replace(/[\t\r\n]+/g, ' ')
  const sorted = [...problems].sort((a, b) => (a.path < b.path ? -1 : 1))
  await writeLines(file, ['path\treason', ...sorted.map(({ path, reason }) => `${oneLine(path)}\t${oneLine(reason)}`)])
  const skipped = { count: sorted.length, file, first: sorted.slice(0, 10) }
  const summary: CorpusSummary = { layout, source, sampleRate, splits, skipped }
  await writeFileAtomic(summaryFile, `${JSON.stringify(summary, null, 2)}\n`)
  return summary
}

/** A name for a split's files that no other split's files have, also where upper and lower case are the same. */
const distinctStem = (split: string, taken: Set<string>): string => {
  const plain = split.replace(/[^\p{L}\p{M}\p{N}_.-]+/gu, '_')
  let stem = plain
  for (let number = 2; taken.has(stem.toLowerCase()); number++) stem = `${plain}_${number}`
  taken.add(stem.toLowerCase())
  return stem
}

const writeSplit = async (
  stem: string,
  clips: readonly Clip[],
  { source, output, sampleRate }: { source: string; output: string; sampleRate: number },
): Promise<SplitSummary> => {
  const file = (kind: string) => join(output, `${stem}.${kind}`)
  const manifest = file('jsonl')
  const files = [manifest, file('tsv')]
  await writeManifest(manifest, clips, { format: 'jsonl' })
  // Without a picture for each there is no audio-visual manifest.
  const isAudioVisual = clips.every(({ fields }) => fields?.videoFrames !== undefined)
  const plain = isAudioVisual ? clips : clips.map(({ path, samples }) => ({ path, samples: samples! }))
  await writeManifest(file('tsv'), plain, { format: 'fairseq', root: source })
  const transcribed = clips.filter(({ text }) => text !== undefined)
  if (transcribed.length === clips.length) {
    await writeLines(
      file('wrd'),
      clips.map(({ text }) => text!),
    )
    await writeLines(
      file('ltr'),
      clips.map(({ text }) => toLetters(text!)),
    )
    files.push(file('wrd'), file('ltr'))
  }
  return {
    clips: clips.length,
    seconds: clips.reduce((sum, { samples }) => sum + samples!, 0) / sampleRate,
    speakers: new Set(clips.flatMap(({ speaker }) => speaker ?? [])).size,
    words: transcribed.reduce((sum, { text }) => sum + text!.split(' ').filter(Boolean).length, 0),
    transcribed: transcribed.length,
    manifest,
    files,
  }
}
