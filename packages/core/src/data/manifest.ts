import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { DataError } from '../errors'

/** One recording of a data set, not loaded yet. */
export interface Clip {
  /** Where the audio is, as an absolute path. */
  readonly path: string
  readonly speaker?: string
  /** Transcript. */
  readonly text?: string
  /** Part of the data set: `train`, `valid`, `test`, … */
  readonly split?: string
  /** Length in samples at the data set's rate, where the manifest knows it. */
  readonly samples?: number
  /** The manifest's other columns, as they stand there. */
  readonly fields?: Readonly<Record<string, string>>
}

const KNOWN = new Set(['path', 'speaker', 'text', 'split', 'samples'])

/** Makes a clip from one manifest entry; `where` is its `file:line`. */
const toClip = (entry: ReadonlyMap<string, string>, folder: string, where: string): Clip => {
  const path = entry.get('path')
  if (!path) throw new DataError('the entry has no path.', { file: where, field: 'path' })
  const samples = entry.get('samples')
  if (samples && !/^\d+$/.test(samples)) {
    throw new DataError(`"${samples}" is not a number of samples.`, { file: where, field: 'samples' })
  }
  const fields = Object.fromEntries([...entry].filter(([name]) => !KNOWN.has(name)))
  const text = (name: string) => (entry.has(name) ? { [name]: entry.get(name) } : {})
  return {
    path: resolve(folder, path),
    ...text('speaker'),
    ...text('text'),
    ...text('split'),
    ...(samples ? { samples: Number(samples) } : {}),
    ...(Object.keys(fields).length > 0 ? { fields } : {}),
  }
}

/** Lines with their numbers (from 1), without blank ones. */
const numbered = (text: string): { line: string; number: number }[] =>
  text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => line.trim() !== '')

const parseTsv = (text: string, folder: string, file: string): Clip[] => {
  const [header, ...rows] = numbered(text)
  const columns = header?.line.split('\t').map((name) => name.trim()) ?? []
  if (!columns.includes('path')) {
    throw new DataError(`the header names the columns ${columns.join(', ') || '(none)'}.`, {
      file: `${file}:${header?.number ?? 1}`,
      field: 'path',
      cure: 'The first line must name the columns, tab-separated, with "path" among them.',
    })
  }
  const twice = columns.find((name, index) => columns.indexOf(name) !== index)
  if (twice !== undefined)
    throw new DataError(`the column "${twice}" is there twice.`, { file: `${file}:1`, field: twice })
  return rows.map(({ line, number }) => {
    const values = line.split('\t')
    if (values.length !== columns.length) {
      throw new DataError(`${values.length} columns, where the header has ${columns.length}.`, {
        file: `${file}:${number}`,
      })
    }
    return toClip(new Map(columns.map((name, index) => [name, values[index]!])), folder, `${file}:${number}`)
  })
}

const parseJsonLines = (text: string, folder: string, file: string): Clip[] =>
  numbered(text).map(({ line, number }) => {
    const where = `${file}:${number}`
    let entry: unknown
    try {
      entry = JSON.parse(line)
    } catch (cause) {
      throw new DataError('the line is not JSON.', { file: where, cause })
    }
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      throw new DataError('the line is not a JSON object.', { file: where })
    }
    const values = Object.entries(entry)
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)] as const)
    return toClip(new Map(values), folder, where)
  })

/**
 * Reads a list of recordings: tab-separated with a header line that names the columns (`path`, `text`, `speaker`, `samples`,
 * `split`, …), or JSON Lines (a file named `.jsonl`, or one that begins with `{`) with those keys. Paths are relative to the
 * manifest's folder.
 *
 * @throws DataError with `file:line` for what cannot be read, and when there is no entry at all.
 */
export const readManifest = async (path: string): Promise<Clip[]> => {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new DataError('the manifest cannot be read.', { file: path, cause, cure: 'Check the path.' })
  }
  const folder = dirname(resolve(path))
  const jsonLines = path.endsWith('.jsonl') || text.trimStart().startsWith('{')
  const clips = jsonLines ? parseJsonLines(text, folder, path) : parseTsv(text, folder, path)
  if (clips.length === 0) throw new DataError('the manifest lists no recording.', { file: path })
  return clips
}
