import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, extname, join, relative, sep } from 'node:path'
import { unreadable } from '../../data/byte-source'
import { DataError } from '../../errors'
import type { LabelSegment } from '../quality'
import { readSegmentTable } from './segment-table'
import { parseTextGrid, type TextGrid } from './text-grid'

/** No alignment of one recording is longer. */
const longestFile = 16e6

/** Where the units of recordings are in time: phones or words. */
export interface Alignments {
  /** For errors. */
  readonly path: string
  /** Recordings that have one. */
  readonly size: number
  /**
   * The segments of a recording.
   *
   * @param recording Its path, as the manifest has it
   * @returns undefined where there is no alignment for it.
   * @throws DataError for an alignment that cannot be read, and where several could be meant.
   */
  segments(recording: string): Promise<readonly LabelSegment[] | undefined>
}

export interface OpenAlignmentsOptions {
  /** Tier of TextGrids. Default `phones`, where there is a tier `SPEAKER - phones` too. */
  readonly tier?: string
  /** Files of a folder, by their ending. Default: `TextGrid`, or `phn` where there are none. */
  readonly extension?: string
  /** Hz of the sample numbers in TIMIT's `.phn` and `.wrd` files. Default 16000. */
  readonly sampleRate?: number
}

/**
 * Opens alignments: a folder, at whatever depth, of TextGrids (the Montreal Forced Aligner's) or of TIMIT's `.phn` or `.wrd` files, one for
 * each recording and of its name; or a tab-separated file with the columns `path`, `start`, `end` and `label`. Files are read as they are
 * asked for.
 *
 * @throws DataError when there is nothing that could be read.
 */
export const openAlignments = async (path: string, options: OpenAlignmentsOptions = {}): Promise<Alignments> => {
  const found = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  if (!found.isDirectory()) {
    const table = await readSegmentTable(path)
    const index = new RecordingIndex(path, table.recordings)
    return {
      path,
      size: index.size,
      segments: async (recording) => {
        const name = index.find(recording)
        return name === undefined ? undefined : table.segments(name)
      },
    }
  }
  const all = (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(path, join(parentPath, name)).split(sep).join('/'))
  const isA = (extension: string) => (name: string) => name.toLowerCase().endsWith(`.${extension.toLowerCase()}`)
  const wanted = options.extension?.replace(/^\./, '')
  const extension = wanted ?? ['TextGrid', 'phn'].find((ending) => all.some(isA(ending))) ?? 'TextGrid'
  const files = all.filter(isA(extension))
  if (files.length === 0) {
    throw new DataError(`the folder holds no .${extension} files.`, {
      file: path,
      cure: 'Name the folder that the aligner wrote, or a table with path, start, end and label.',
    })
  }
  const index = new RecordingIndex(path, files)
  return {
    path,
    size: index.size,
    segments: async (recording) => {
      const name = index.find(recording)
      return name === undefined ? undefined : readAlignment(join(path, name), options)
    },
  }
}

/**
 * Reads the alignment of one recording: a TextGrid's tier, or lines `first sample, sample after the last, label` (TIMIT's `.phn` and `.wrd`).
 *
 * @throws DataError naming file and line.
 */
export const readAlignment = async (
  path: string,
  { tier, sampleRate = 16000 }: Omit<OpenAlignmentsOptions, 'extension'> = {},
): Promise<readonly LabelSegment[]> => {
  const bytes = await readWhole(path)
  if (extname(path).toLowerCase() === '.textgrid') return tierOf(parseTextGrid(decode(bytes, path), path), path, tier)
  return decode(bytes, path)
    .split(/\r?\n/)
    .flatMap((line, i) => {
      const text = line.trim()
      if (text === '') return []
      const [, first, last, label] = /^(\d{1,15})\s+(\d{1,15})\s+(\S.*)$/s.exec(text) ?? []
      if (label === undefined || Number(last) < Number(first)) {
        throw new DataError('a line has a first sample, the sample after the last, and a label.', {
          file: `${path}:${i + 1}`,
        })
      }
      return [{ start: Number(first) / sampleRate, end: Number(last) / sampleRate, label }]
    })
}

const tierOf = ({ tiers }: TextGrid, file: string, name = 'phones'): readonly LabelSegment[] => {
  const exact = tiers.filter((tier) => tier.name === name)
  const found = exact.length > 0 ? exact : tiers.filter((tier) => tier.name.endsWith(` - ${name}`))
  if (found.length === 1 && found[0]!.kind === 'intervals') return found[0]!.segments
  const what =
    found.length === 0
      ? 'has no tier'
      : found.length > 1
        ? 'has several tiers'
        : 'has only points, no intervals, in tier'
  throw new DataError(`the TextGrid ${what} "${name}".`, {
    file,
    field: 'tier',
    cure: `Name one of its tiers: ${tiers.map((tier) => `"${tier.name}"`).join(', ')}.`,
  })
}

const readWhole = async (path: string): Promise<Buffer> => {
  try {
    const { size } = await stat(path)
    if (size > longestFile) throw new DataError(`it has ${size} bytes, too many for one recording.`, { file: path })
    return await readFile(path)
  } catch (error) {
    throw error instanceof DataError ? error : unreadable(path, error)
  }
}

/** UTF-8, or UTF-16 with a mark that says so, as Praat writes it. */
const decode = (bytes: Buffer, file: string): string => {
  const encoding =
    bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8'
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new DataError('this is no text in UTF-8 or UTF-16.', { file, cause, cure: 'Save it again as UTF-8.' })
  }
}

const withoutExtension = (name: string): string => name.slice(0, name.length - extname(name).length)

/** Finds what belongs to a recording by its file name, and by the folders around it where names repeat. */
class RecordingIndex {
  readonly #byName = new Map<string, string[]>()
  /** Which recording each alignment was found for: two of one name must not share it. */
  readonly #given = new Map<string, string>()
  readonly #path: string
  size = 0

  constructor(path: string, names: Iterable<string>) {
    this.#path = path
    for (const name of names) {
      this.size++
      // The ending may be one, or belong to the name.
      for (const key of new Set([basename(name), basename(withoutExtension(name))])) {
        const there = this.#byName.get(key)
        if (there) there.push(name)
        else this.#byName.set(key, [name])
      }
    }
  }

  find(recording: string): string | undefined {
    const path = recording.split(sep).join('/')
    const wanted = withoutExtension(path)
    const ends = (name: string) => `/${wanted}`.endsWith(`/${name}`) || `/${path}`.endsWith(`/${name}`)
    const named = (key: string) => this.#byName.get(key) ?? []
    const exactly = (key: string) => named(key).filter((name) => basename(name) === key)
    // Where what looks like an ending belongs to the name (utt.1, utt.2), the whole name decides.
    const tiers = [exactly(basename(path)), exactly(basename(wanted)), named(basename(wanted))]
    const candidates = tiers.find((names) => names.length > 0) ?? []
    if (candidates.length === 0) return undefined
    const fitting = candidates.filter((name) => ends(name) || ends(withoutExtension(name)))
    if (fitting.length === 1) return this.#give(fitting[0]!, recording)
    if (candidates.length === 1) return this.#give(candidates[0]!, recording)
    throw this.#ambiguous(
      `${candidates.length} alignments could be meant for ${recording}: ${candidates.slice(0, 3).join(', ')}`,
    )
  }

  #give(name: string, recording: string): string {
    const other = this.#given.get(name)
    if (other !== undefined && other !== recording) {
      throw this.#ambiguous(`the alignment ${name} could be meant for ${other} and for ${recording}`)
    }
    this.#given.set(name, recording)
    return name
  }

  #ambiguous(message: string): DataError {
    return new DataError(`${message}.`, {
      file: this.#path,
      cure: 'Keep the alignments in the folders that the recordings are in.',
    })
  }
}
