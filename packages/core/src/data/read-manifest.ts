import { dirname, extname, resolve } from 'node:path'
import { DataError } from '../errors'
import type { ByteSource } from './byte-source'
import { Growable } from './growable'
import { readLabels } from './labels'
import { scanLines } from './lines'
import { Manifest, ManifestBuilder, type ManifestEntry, noNumber, numberColumns } from './manifest'

/**
 * `tsv`: tab-separated, the first line names the columns. `jsonl`: JSON Lines. `fairseq`: fairseq's `.tsv`, whose first line is the
 * folder, the others `path<TAB>samples`, or AV-HuBERT's five columns (id, video, audio, video frames, audio samples).
 */
export type ManifestFormat = 'tsv' | 'jsonl' | 'fairseq'

export interface ReadManifestOptions {
  /** Default: told from the name and the first line. */
  readonly format?: ManifestFormat
  /** What becomes of lines that cannot be used: `refuse` (default) throws, `skip` leaves them out and counts them. */
  readonly onBadLine?: 'refuse' | 'skip'
  /** Takes the transcripts from the label file beside the manifest with this extension: `wrd`, `ltr`, `phn`, … */
  readonly textFrom?: string
  readonly signal?: AbortSignal
}

/** A line that is no entry. */
class BadLine extends Error {
  constructor(
    message: string,
    readonly options: { field?: string; cure?: string; cause?: unknown } = {},
  ) {
    super(message)
  }
}

type LineParser = (bytes: Buffer, start: number, end: number) => ManifestEntry | undefined

/**
 * Reads a list of recordings: fairseq's and AV-HuBERT's `.tsv`; tab-separated with a header line that names the columns (`path`,
 * `text`, `speaker`, `samples`, `split`, …); or JSON Lines (a file named `.jsonl`, or one that begins with `{`) with those keys. Paths
 * are relative to the manifest's folder. The file is read as a stream and kept as columns; blank lines are passed over.
 *
 * @param source The file's path, or its content and name.
 * @throws DataError with `file:line` for the first line that cannot be used (unless `onBadLine` is `skip`), when there is no entry at all,
 * or when the label file has another number of lines.
 */
export const readManifest = async (source: ByteSource, options: ReadManifestOptions = {}): Promise<Manifest> => {
  const path = typeof source === 'string' ? source : source.file
  const { onBadLine = 'refuse', textFrom, signal } = options
  let { format } = options
  const folder = dirname(resolve(path))
  let builder: ManifestBuilder | undefined
  let parse: LineParser | undefined
  const skipped = { count: 0, first: [] as string[] }
  const entries = new Growable((length) => new Uint32Array(length))
  let entryCount = 0

  const fault = (line: number, message: string, details: BadLine['options'] = {}) => {
    const error = new DataError(message, { file: `${path}:${line}`, ...details })
    // Without its first line, nothing else of the file can be understood.
    if (onBadLine === 'refuse' || !builder) throw error
    skipped.count++
    if (skipped.first.length < 10) skipped.first.push(error.message)
    entryCount++
  }

  await scanLines(
    source,
    (bytes, start, end, line) => {
      if (isBlank(bytes, start, end)) return
      try {
        if (!builder) {
          format ??= formatOf(path, bytes, start, end)
          const opened = openers[format](bytes.toString('utf8', start, end), folder)
          builder = new ManifestBuilder(opened.root)
          parse = opened.parse
          if (opened.hasHeader) return
        }
        const entry = parse!(bytes, start, end)!
        checkPath(entry.path)
        builder.push(entry)
        entries.push(entryCount)
        entryCount++
      } catch (error) {
        if (error instanceof BadLine) fault(line, error.message, error.options)
        else if (error instanceof DataError) fault(line, error.message)
        else throw error
      }
    },
    { onFault: ({ line, message }) => fault(line, message), ...(signal ? { signal } : {}) },
  )
  if (!builder || builder.length === 0) {
    const reason =
      skipped.first[0] === undefined ? '' : ` The first of ${skipped.count} that were left out: ${skipped.first[0]}`
    throw new DataError(`the manifest lists no recording.${reason}`, { file: path })
  }
  const manifest = new Manifest(path, builder.finish(), {
    skipped,
    entryCount,
    ...(skipped.count > 0 ? { entries: entries.finish() } : {}),
  })
  if (textFrom === undefined) return manifest
  const labels = await readLabels(labelFile(path, textFrom))
  return manifest.withColumn('text', labels, labels.file)
}

/** The label file beside a manifest: `train.tsv` and `wrd` give `train.wrd`. */
export const labelFile = (manifest: string, kind: string): string =>
  `${manifest.slice(0, manifest.length - extname(manifest).length)}.${kind.replace(/^\./, '')}`

const TAB = 0x09

const isBlank = (bytes: Buffer, start: number, end: number): boolean => {
  for (let at = start; at < end; at++) if (bytes[at] !== 0x20 && bytes[at] !== TAB) return false
  return true
}

const formatOf = (path: string, bytes: Buffer, start: number, end: number): ManifestFormat => {
  if (path.endsWith('.jsonl') || bytes[start] === 0x7b) return 'jsonl'
  const line = bytes.toString('utf8', start, end)
  return line.includes('\t') || line.trim() === 'path' ? 'tsv' : 'fairseq'
}

const checkPath = (path: string | undefined): void => {
  if (!path) throw new BadLine('the entry has no path.', { field: 'path' })
  if (path.includes('\0')) throw new BadLine('the path has a zero byte.', { field: 'path' })
  if (path.endsWith('/')) throw new BadLine('the path is a folder.', { field: 'path' })
}

const isNumberColumn = (name: string): name is (typeof numberColumns)[number] =>
  (numberColumns as readonly string[]).includes(name)

/** A count that a column of numbers can hold. */
const toCount = (name: string, text: string): number => {
  const most = name === 'samples' ? noNumber - 1 : Number.MAX_SAFE_INTEGER
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!(value <= most)) {
    const unit = name === 'samples' ? 'samples' : 'bytes'
    throw new BadLine(`"${shorten(text)}" is not a number of ${unit}.`, { field: name })
  }
  return value
}

const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text)

/** Splits an entry's values into the columns of numbers and the rest. */
const toEntry = (values: Iterable<readonly [string, string]>): ManifestEntry => {
  let path = ''
  const numbers: { samples?: number; offset?: number; bytes?: number } = {}
  const texts: (readonly [string, string])[] = []
  for (const pair of values) {
    const [name, value] = pair
    if (name === 'path') path = value
    else if (!isNumberColumn(name)) texts.push(pair)
    else if (value !== '') numbers[name] = toCount(name, value)
  }
  return { path, ...numbers, texts }
}

interface OpenedFormat {
  readonly root: string
  /** Whether the first line is no entry. */
  readonly hasHeader: boolean
  readonly parse: LineParser
}

const openTsv = (header: string, folder: string): OpenedFormat => {
  const columns = header.split('\t').map((name) => name.trim())
  if (!columns.includes('path')) {
    throw new BadLine(`the header names the columns ${shorten(columns.join(', '))}.`, {
      field: 'path',
      cure: 'The first line must name the columns, tab-separated, with "path" among them.',
    })
  }
  const twice = columns.find((name, index) => columns.indexOf(name) !== index)
  if (twice !== undefined) throw new BadLine(`the column "${shorten(twice)}" is there twice.`, { field: twice })
  const parse: LineParser = (bytes, start, end) => {
    const values = bytes.toString('utf8', start, end).split('\t')
    if (values.length !== columns.length) {
      throw new BadLine(`${values.length} columns, where the header has ${columns.length}.`)
    }
    return toEntry(columns.map((name, index) => [name, values[index]!] as const))
  }
  return { root: folder, hasHeader: true, parse }
}

const parseJson: LineParser = (bytes, start, end) => {
  let entry: unknown
  try {
    entry = JSON.parse(bytes.toString('utf8', start, end))
  } catch (cause) {
    throw new BadLine('the line is not JSON.', { cause })
  }
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    throw new BadLine('the line is not a JSON object.')
  }
  return toEntry(
    Object.entries(entry)
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [name, typeof value === 'object' ? nested(value) : String(value)] as const),
  )
}

const nested = (value: object): string => {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw new BadLine('the line is nested too deeply.', { cause })
  }
}

const openFairseq = (header: string, folder: string): OpenedFormat => {
  if (header.includes('\0')) throw new BadLine('the folder has a zero byte.', { field: 'path' })
  const parse: LineParser = (bytes, start, end) => {
    const values = bytes.toString('utf8', start, end).split('\t')
    if (values.length === 2) return { path: values[0]!, samples: toCount('samples', values[1]!.trim()) }
    if (values.length === 5) {
      const [id, video, path, videoFrames, samples] = values as [string, string, string, string, string]
      const texts = [['id', id] as const, ['video', video] as const, ['videoFrames', videoFrames] as const]
      return { path, samples: toCount('samples', samples.trim()), texts }
    }
    throw new BadLine(`${values.length} columns, where fairseq's manifests have 2 (path, samples) or 5.`)
  }
  return { root: resolve(folder, header.trim()), hasHeader: true, parse }
}

const openers: Record<ManifestFormat, (firstLine: string, folder: string) => OpenedFormat> = {
  tsv: openTsv,
  jsonl: (_, folder) => ({ root: folder, hasHeader: false, parse: parseJson }),
  fairseq: openFairseq,
}
