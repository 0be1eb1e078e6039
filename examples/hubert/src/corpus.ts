import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Alignments,
  type Clip,
  DataError,
  encodeWav,
  type FinishedStage,
  fingerprintJson,
  loadRecordings,
  type Manifest,
  openAlignments,
  type Recording,
  readManifest,
  type Stages,
  writeFileAtomic,
  writeManifest,
} from '@babble/core'
import type { Corpus, CorpusParts } from '@babble/example-common'
import type { Settings } from './settings'
import { type DigitString, everyNth, filledStrings, wholeStrings } from './strings'

/**
 * Strings that are trained on without labels; strings with transcripts; takes held out of the same speakers; and a speaker that training does
 * not hear.
 */
export const parts = ['train', 'labelled', 'valid', 'test'] as const
export type Part = (typeof parts)[number]
/** Parts that clusters are measured on. */
export const heldOut = ['valid', 'test'] as const

/** What there is of each part: strings, digits and seconds. */
export type CorpusResult = Readonly<
  Record<Part, { readonly strings: number; readonly words: number; readonly seconds: number }>
>

const writePart = async (directory: string, part: Part, strings: readonly DigitString[], sampleRate: number) => {
  await mkdir(join(directory, part), { recursive: true })
  const clips: Clip[] = []
  const table = ['path\tstart\tend\tlabel']
  for (const { path, text, speaker, waveform, samples, segments } of strings) {
    await writeFile(join(directory, part, path), encodeWav(waveform, sampleRate))
    clips.push({ path: join(directory, part, path), text, speaker, samples })
    for (const { start, end, label } of segments) table.push(`${part}/${path}\t${start}\t${end}\t${label}`)
  }
  await writeFileAtomic(join(directory, `${part}.segments.tsv`), `${table.join('\n')}\n`)
  await writeManifest(join(directory, `${part}.jsonl`), clips)
  const words = strings.reduce((sum, { segments }) => sum + segments.length, 0)
  const seconds = strings.reduce((sum, { samples }) => sum + samples, 0) / sampleRate
  return { strings: strings.length, words, seconds }
}

/**
 * The stage that joins the takes into strings: for each part a folder of WAV files, a manifest, and a table of where each digit is.
 *
 * @param load Reads the takes; not called where the stage was done before.
 */
export const corpusStage = (
  stages: Stages,
  corpus: Corpus,
  load: () => Promise<CorpusParts>,
  { settings, seed, version }: { settings: Settings; seed: number; version: number },
): Promise<FinishedStage<CorpusResult>> => {
  const { sampleRate } = settings
  const { seconds, speeds, digits, labelledEvery } = settings.corpus
  return stages.stage({
    name: 'corpus',
    title: 'Strings of digits',
    inputs: {
      version,
      seed,
      sampleRate,
      ...settings.corpus,
      source: corpus.source,
      recordings: fingerprintJson(corpus.clips.map(({ path, text, speaker, split }) => [path, text, speaker, split])),
    },
    run: async ({ directory }) => {
      const { train, valid, test } = await load()
      const whole = { sampleRate, digits, seed, speeds: [1] }
      const strings: Record<Part, DigitString[]> = {
        train: filledStrings(train, { sampleRate, samples: Math.round(seconds * sampleRate), speeds, seed }),
        labelled: wholeStrings(everyNth(train, labelledEvery), { ...whole, speeds }),
        valid: wholeStrings(valid, whole),
        test: wholeStrings(test, whole),
      }
      const results = {} as Record<Part, CorpusResult[Part]>
      for (const part of parts) results[part] = await writePart(directory, part, strings[part], sampleRate)
      return results
    },
  })
}

/** The strings on disk, read when they are needed and then kept. */
export class Strings {
  readonly #recordings = new Map<Part, Promise<readonly Recording[]>>()

  constructor(
    readonly stage: FinishedStage<CorpusResult>,
    readonly sampleRate: number,
  ) {}

  manifest(part: Part): Promise<Manifest> {
    return readManifest(this.stage.file(`${part}.jsonl`))
  }

  /** Where the digits are. */
  alignments(part: Part): Promise<Alignments> {
    return openAlignments(this.stage.file(`${part}.segments.tsv`))
  }

  recordings(part: Part): Promise<readonly Recording[]> {
    const found =
      this.#recordings.get(part) ??
      this.manifest(part).then(async (manifest) => {
        const { recordings, skipped } = await loadRecordings(manifest, { sampleRate: this.sampleRate })
        // Labels belong to recordings by their order.
        for (const { path, reason } of skipped) {
          throw new DataError(`it cannot be read: ${reason}.`, {
            file: path,
            cure: 'Make it again with --from corpus.',
          })
        }
        return recordings
      })
    this.#recordings.set(part, found)
    return found
  }
}
