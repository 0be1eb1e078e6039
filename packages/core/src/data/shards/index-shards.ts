import { type FileHandle, open, readdir } from 'node:fs/promises'
import { basename, join, posix, resolve } from 'node:path'
import { audioInfoIn, resampledLength } from '../../audio/index'
import { DataError } from '../../errors'
import { unreadable } from '../byte-source'
import type { Clip } from '../clip'
import { readRange } from '../read-range'
import type { SkippedClip } from '../recordings'
import { writeManifest } from '../write-manifest'
import { readTar, type TarEntry } from './tar'

export interface IndexShardsOptions {
  /** Hz that lengths are given at. Default 16000. */
  readonly sampleRate?: number
  /** Where the index goes. Default: `index.jsonl` in the folder. */
  readonly output?: string
  /** Called as shards are done with. */
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

export interface ShardIndex {
  /** The index: a manifest that `readManifest` reads. */
  readonly manifest: string
  readonly shards: number
  readonly clips: number
  /** Samples without a recording that can be used. */
  readonly skipped: readonly SkippedClip[]
}

/** Extensions of recordings, in the order in which one is taken. */
const audioExtensions = ['wav', 'flac', 'mp3', 'ogg', 'opus']
const longestText = 2 ** 20

/**
 * Makes the index of a folder of tar shards in the layout of WebDataset: files that share a name up to its first dot, one after the
 * other, are a sample (`0001.flac`, `0001.txt`, `0001.json`). The index says where each recording lies, so that any of them is read
 * directly; it is made once. Texts come from `.txt`, or `text` of `.json`, whose other values become fields.
 *
 * @throws DataError naming a shard that is no tar archive, or the folder when it has none.
 */
export const indexShards = async (folder: string, options: IndexShardsOptions = {}): Promise<ShardIndex> => {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw unreadable(folder, cause)
  })
  const shards = names.filter((name) => name.endsWith('.tar')).sort()
  if (shards.length === 0) throw new DataError('there are no shards (*.tar) in it.', { file: folder })
  return indexNamed(folder, shards, options)
}

/** Makes the index of some of a folder's shards. */
export const indexNamed = async (
  folder: string,
  shards: readonly string[],
  options: IndexShardsOptions,
): Promise<ShardIndex> => {
  const { sampleRate = 16000, output = join(folder, 'index.jsonl'), onProgress, signal } = options
  const clips: Clip[] = []
  const skipped: SkippedClip[] = []
  for (const [number, name] of shards.entries()) {
    const shard = resolve(folder, name)
    const samples = samplesOf(await readTar(shard))
    const handle = await open(shard)
    try {
      for (const sample of samples) {
        signal?.throwIfAborted()
        await clipOf(shard, handle, sample, sampleRate).then(
          (clip) => clips.push(clip),
          (error: Error) => skipped.push({ path: `${shard}: ${sample[0]!.name}`, reason: error.message }),
        )
      }
    } finally {
      await handle.close()
    }
    onProgress?.(number + 1, shards.length)
  }
  if (clips.length === 0) {
    const first = skipped[0] ? ` ${skipped[0].path}: ${skipped[0].reason}` : ''
    throw new DataError(`there is no recording in its shards.${first}`, { file: folder })
  }
  await writeManifest(output, clips, { format: 'jsonl' })
  return { manifest: output, shards: shards.length, clips: clips.length, skipped }
}

/** Runs of files with the same key. */
function* samplesOf(entries: readonly TarEntry[]): Generator<TarEntry[]> {
  let sample: TarEntry[] = []
  for (const entry of entries) {
    if (basename(entry.name).startsWith('.')) continue
    if (sample.length > 0 && keyOf(entry.name) !== keyOf(sample[0]!.name)) {
      yield sample
      sample = []
    }
    sample.push(entry)
  }
  if (sample.length > 0) yield sample
}

/** The name up to the first dot after the last slash. */
const keyOf = (name: string): string => {
  const base = posix.basename(name)
  const dot = base.indexOf('.')
  return name.slice(0, name.length - base.length) + (dot < 0 ? base : base.slice(0, dot))
}

const extensionOf = (name: string): string => name.slice(keyOf(name).length + 1).toLowerCase()

const clipOf = async (
  shard: string,
  handle: FileHandle,
  sample: readonly TarEntry[],
  sampleRate: number,
): Promise<Clip> => {
  const byExtension = new Map(sample.map((entry) => [extensionOf(entry.name), entry]))
  const extension = audioExtensions.find((one) => byExtension.has(one))
  if (extension === undefined) throw new DataError('the sample has no recording.')
  const { offset, bytes } = byExtension.get(extension)!
  const info = await audioInfoIn(handle, offset, bytes)
  const read = async (kind: string): Promise<string | undefined> => {
    const entry = byExtension.get(kind)
    if (!entry) return undefined
    if (entry.bytes > longestText) throw new DataError(`its .${kind} has ${entry.bytes} bytes.`)
    return Buffer.from(await readRange({ file: shard, offset: entry.offset, bytes: entry.bytes })).toString('utf8')
  }
  const { text: described, speaker, split, ...fields } = parseDescription(await read('json'))
  const text = (await read('txt'))?.trim() ?? described
  return {
    path: shard,
    samples: resampledLength(info.frames, info.sampleRate, sampleRate),
    offset,
    bytes,
    ...(text === undefined ? {} : { text }),
    ...(speaker === undefined ? {} : { speaker }),
    ...(split === undefined ? {} : { split }),
    fields: { ...fields, key: keyOf(sample[0]!.name) },
  }
}

/** Values of a sample's `.json` that mean something else in a manifest. */
const reserved = ['path', 'samples', 'offset', 'bytes', 'key', '__proto__']

const parseDescription = (json: string | undefined): Record<string, string> => {
  if (json === undefined) return {}
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new DataError('its .json is not JSON.', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, one]) => !reserved.includes(name) && one !== null && typeof one !== 'object')
      .map(([name, one]) => [name, String(one)]),
  )
}
