import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { writeFileAtomic } from '../checkpoint/index'
import { DataError } from '../errors'
import type { Clip } from './clip'
import type { ManifestFormat } from './read-manifest'

export interface WriteManifestOptions {
  /** Default: `jsonl` for names that end so, else `tsv`. */
  readonly format?: ManifestFormat
  /**
   * Under `fairseq`, the folder that paths are relative to, which the first line names in full. Default: the manifest's own folder.
   */
  readonly root?: string
}

/** Text is handed to the file in pieces of about this many characters. */
const pieceLength = 2 ** 18

/**
 * Writes a list of recordings in a form that {@link readManifest} reads, whole or not at all. Paths become relative to the manifest's
 * folder (of `root` under `fairseq`), unless they lie outside of it.
 *
 * @param clips Gone through once for `jsonl` and `fairseq`, twice for `tsv`, whose first line names the columns.
 * @throws DataError for a tab or line end in a value of a tab-separated manifest, and under `fairseq` for a clip of unknown length.
 */
export const writeManifest = async (
  path: string,
  clips: Iterable<Clip>,
  options: WriteManifestOptions = {},
): Promise<void> => {
  const { format = path.endsWith('.jsonl') ? 'jsonl' : 'tsv' } = options
  const folder = format === 'fairseq' && options.root !== undefined ? resolve(options.root) : dirname(resolve(path))
  await writeLines(path, writers[format](clips, folder, path))
}

/** Writes lines of text, whole or not at all, with memory for a piece of them. */
export const writeLines = (path: string, lines: Iterable<string>): Promise<void> =>
  writeFileAtomic(path, async (handle) => {
    let piece = ''
    for (const line of lines) {
      piece += `${line}\n`
      if (piece.length < pieceLength) continue
      await handle.appendFile(piece)
      piece = ''
    }
    if (piece !== '') await handle.appendFile(piece)
  })

const shorten = (path: string, folder: string): string => {
  const inside = relative(folder, path)
  return inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)
    ? path
    : inside.replaceAll(sep, '/')
}

const checkValue = (value: string, field: string, clip: Clip, file: string): string => {
  if (!/[\t\n\r]/.test(value)) return value
  throw new DataError(`the ${field} of ${clip.path} has a tab or a line end in it.`, {
    file,
    field,
    cure: 'Write JSON Lines (.jsonl), or take it out.',
  })
}

const valuesOf = (clip: Clip, folder: string): Map<string, string | number> => {
  const { path, fields = {}, ...rest } = clip
  const known = Object.entries({ path: shorten(path, folder), ...rest })
  return new Map([...known.filter(([, value]) => value !== undefined), ...Object.entries(fields)] as [string, string][])
}

function* tsvLines(clips: Iterable<Clip>, folder: string, file: string): Generator<string> {
  const columns = new Set<string>(['path'])
  for (const clip of clips) for (const name of valuesOf(clip, folder).keys()) columns.add(name)
  yield [...columns].join('\t')
  for (const clip of clips) {
    const values = valuesOf(clip, folder)
    yield [...columns].map((name) => checkValue(String(values.get(name) ?? ''), name, clip, file)).join('\t')
  }
}

function* jsonLines(clips: Iterable<Clip>, folder: string): Generator<string> {
  for (const clip of clips) yield JSON.stringify(Object.fromEntries(valuesOf(clip, folder)))
}

function* fairseqLines(clips: Iterable<Clip>, folder: string, file: string): Generator<string> {
  yield folder
  for (const clip of clips) {
    const { samples, fields = {} } = clip
    if (samples === undefined) {
      throw new DataError(`the length of ${clip.path} is not known, and fairseq's manifests need it.`, {
        file,
        field: 'samples',
      })
    }
    const audio = checkValue(shorten(clip.path, folder), 'path', clip, file)
    const { id, video, videoFrames } = fields
    yield video === undefined
      ? `${audio}\t${samples}`
      : [id ?? audio, shorten(video, folder), audio, videoFrames ?? '0', samples]
          .map((value) => checkValue(String(value), 'fields', clip, file))
          .join('\t')
  }
}

const writers: Record<ManifestFormat, (clips: Iterable<Clip>, folder: string, file: string) => Iterable<string>> = {
  tsv: tsvLines,
  jsonl: jsonLines,
  fairseq: fairseqLines,
}
