import { existsSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { type Manifest, readManifest } from '../data/index'
import { DataError } from '../errors'
import { fingerprintFile } from '../stages/fingerprint-file'

export interface OpenCorpusOptions {
  /** Held-out recordings, where they are in a manifest elsewhere. */
  readonly valid?: string
  /** Which part to train on. Default: `train` and parts whose name begins with it. */
  readonly split?: string
  /** Take transcripts from the label files beside the manifests with this extension, such as `wrd`. */
  readonly textFrom?: string
}

/** The recordings that a run is about. */
export interface TrainingCorpus {
  readonly train: Manifest
  readonly valid?: Manifest
  /** What a run remembers of its data, to notice that it has changed. */
  readonly fingerprint: { readonly manifest: string; readonly recordings: number; readonly sha256: string }
}

const manifestNames = ['.jsonl', '.tsv']
const validNames = ['valid', 'validation', 'dev']

/** The manifests of a part in a folder: `train.jsonl` before `train.tsv`, and that before `train-clean-100.jsonl` and its like. */
const partsIn = async (folder: string, part: string): Promise<string[]> => {
  const exact = manifestNames.map((extension) => join(folder, part + extension)).find(existsSync)
  if (exact !== undefined) return [exact]
  const names = (await readdir(folder)).filter((name) => name.startsWith(`${part}-`)).sort()
  for (const extension of manifestNames) {
    const found = names.filter((name) => extname(name) === extension)
    if (found.length > 0) return found.map((name) => join(folder, name))
  }
  return []
}

/** The manifest of the first of some parts that is in a folder; of several of its kind, the first. */
const firstPartIn = async (folder: string, parts: readonly string[]): Promise<string | undefined> => {
  for (const part of parts) {
    const [first] = await partsIn(folder, part)
    if (first !== undefined) return first
  }
  return undefined
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

const noManifest = async (folder: string, wanted: string): Promise<DataError> => {
  const found = (await readdir(folder)).filter((name) => manifestNames.includes(extname(name)))
  return new DataError(
    `the folder holds no ${wanted}${found.length > 0 ? `, only ${found.slice(0, 8).join(', ')}` : ''}.`,
    {
      file: folder,
      cure: 'Make manifests with "babble prepare", or name a manifest file.',
    },
  )
}

/** Whether the rows of a manifest say what part of the corpus they belong to, and which parts there are. */
const partsOf = (manifest: Manifest): Set<string> => {
  const parts = new Set<string>()
  if (!manifest.columns.includes('split')) return parts
  for (let row = 0; row < manifest.length; row++) {
    const part = manifest.field(row, 'split')
    if (part) parts.add(part)
  }
  return parts
}

/** The rows of the parts that `wanted` accepts; undefined where there are none. */
const rowsOf = (manifest: Manifest, parts: Set<string>, wanted: (part: string) => boolean): Manifest | undefined => {
  const chosen = [...parts].filter(wanted)
  if (chosen.length === 0) return undefined
  return manifest.select((row) => chosen.includes(manifest.field(row, 'split') ?? ''))
}

/**
 * Opens what a user names as data: a manifest, or a folder with `train.jsonl` or `train.tsv` (as `prepareCorpus` makes it) or with a
 * `manifest.jsonl` or `manifest.tsv`. Where a manifest's rows say their `split`, it is divided by that; rows without one are for training.
 *
 * @throws DataError when there is no manifest, it cannot be read, or the part asked for is empty.
 */
export const openCorpus = async (path: string, options: OpenCorpusOptions = {}): Promise<TrainingCorpus> => {
  const { split = 'train', textFrom } = options
  const read = (file: string) => readManifest(file, textFrom === undefined ? {} : { textFrom })
  if (!existsSync(path))
    throw new DataError('there is no such file or folder.', { file: path, cure: 'Check the path.' })
  const folder = isFolder(path) ? path : undefined
  const found = folder === undefined ? [path] : await partsIn(folder, split)
  if (found.length > 1) {
    throw new DataError(`the folder holds several parts for "${split}".`, {
      file: path,
      field: 'split',
      cure: `Name one with --split: ${found.map((name) => basename(name, extname(name))).join(', ')}.`,
    })
  }
  const file = found[0] ?? (folder && (await firstPartIn(folder, ['manifest'])))
  if (file === undefined) throw await noManifest(path, `${split}.jsonl, ${split}.tsv or manifest.tsv`)
  const whole = await read(file)
  const parts = partsOf(whole)
  const named = folder !== undefined && found.length === 1
  const train =
    parts.size === 0 || named ? whole : rowsOf(whole, parts, (part) => part === split || part.startsWith(`${split}-`))
  if (!train) {
    throw new DataError(`no recording is of the part "${split}".`, {
      file,
      field: 'split',
      cure: `There are ${[...parts].sort().join(', ')}: name one with --split.`,
    })
  }
  const validFile = options.valid ?? (folder && (await firstPartIn(folder, validNames)))
  const valid =
    validFile === undefined
      ? named
        ? undefined
        : rowsOf(
            whole,
            parts,
            (part) => part !== split && validNames.some((name) => part === name || part.startsWith(`${name}-`)),
          )
      : await read(validFile)
  return {
    train,
    ...(valid ? { valid } : {}),
    fingerprint: { manifest: file, recordings: train.length, sha256: (await fingerprintFile(file)).sha256 },
  }
}

/**
 * Opens recordings to be evaluated or described: all rows of a manifest (or those of a part), or a folder's `test`, `valid` or
 * `manifest` file.
 */
export const openManifest = async (
  path: string,
  options: Pick<OpenCorpusOptions, 'split' | 'textFrom'> = {},
): Promise<Manifest> => {
  const { split, textFrom } = options
  if (!existsSync(path))
    throw new DataError('there is no such file or folder.', { file: path, cure: 'Check the path.' })
  const candidates = split === undefined ? ['test', 'manifest'] : [split, 'manifest']
  const file = isFolder(path) ? await firstPartIn(path, candidates) : path
  if (file === undefined) throw await noManifest(path, candidates.map((part) => `${part}.jsonl`).join(' or '))
  const whole = await readManifest(file, textFrom === undefined ? {} : { textFrom })
  const parts = partsOf(whole)
  if (split === undefined || !parts.has(split)) {
    if (split === undefined || basename(file, extname(file)) === split) return whole
    throw new DataError(`no recording is of the part "${split}".`, {
      file,
      field: 'split',
      cure: parts.size > 0 ? `There are ${[...parts].sort().join(', ')}.` : 'The manifest has no column "split".',
    })
  }
  return rowsOf(whole, parts, (part) => part === split)!
}
