import { readFile, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { pack } from 'tar-stream'
import { writeFileAtomic } from '../../checkpoint/index'
import { ConfigError, DataError } from '../../errors'
import type { Clip } from '../clip'
import { readRange } from '../read-range'
import type { SkippedClip } from '../recordings'
import { type IndexShardsOptions, indexShards, type ShardIndex } from './index-shards'
import { readTar } from './tar'

export interface WriteShardsOptions extends Omit<IndexShardsOptions, 'output'> {
  /** Folder of the shards. */
  readonly output: string
  /** A shard ends when its recordings reach this many bytes. Default 2^30. */
  readonly shardBytes?: number
}

interface PlannedEntry {
  readonly clip: Clip
  readonly key: string
  readonly description: string
}

/**
 * Packs recordings into tar shards in the layout of WebDataset (`shard-000000.tar`, …; a recording and a `.json` with its text and
 * other values for each sample), and makes their index. Files go in as they are. Shards appear whole or not at all; those that an
 * interrupted run has finished are kept.
 *
 * @returns the index; recordings that cannot be read are left out and listed.
 */
export const writeShards = async (clips: Iterable<Clip>, options: WriteShardsOptions): Promise<ShardIndex> => {
  const { output, shardBytes = 2 ** 30, onProgress, signal, sampleRate } = options
  if (!(shardBytes >= 1)) throw new ConfigError(`shardBytes is ${shardBytes}.`, { field: 'shardBytes' })
  const skipped: SkippedClip[] = []
  let entries: PlannedEntry[] = []
  let bytes = 0
  let shards = 0
  let count = 0
  const flush = async () => {
    if (entries.length === 0) return
    const shard = join(output, `shard-${String(shards++).padStart(6, '0')}.tar`)
    if (!(await isWritten(shard, entries))) await writeShard(shard, entries, skipped)
    onProgress?.(shards, Number.NaN)
    entries = []
    bytes = 0
  }
  for (const clip of clips) {
    signal?.throwIfAborted()
    const size = clip.bytes ?? (await stat(clip.path).catch(() => undefined))?.size
    if (size === undefined) {
      skipped.push({ path: clip.path, reason: 'There is no such file.' })
      continue
    }
    const { path, samples: _, offset, bytes: __, fields = {}, ...known } = clip
    // Keys have no dots: what follows the first one tells a sample's files apart.
    const stem = offset === undefined ? basename(path, extname(path)) : (fields.key ?? `${offset}`)
    const key = `${String(count++).padStart(9, '0')}-${stem.replace(/[^\p{L}\p{N}_-]+/gu, '_').slice(-80)}`
    entries.push({ clip, key, description: JSON.stringify({ ...known, ...fields }) })
    bytes += size
    if (bytes >= shardBytes) await flush()
  }
  await flush()
  if (shards === 0) throw new DataError('there is no recording to write.', { file: output })
  const index = await indexShards(output, {
    ...(sampleRate === undefined ? {} : { sampleRate }),
    ...(signal ? { signal } : {}),
  })
  return { ...index, skipped: [...skipped, ...index.skipped] }
}

const audioExtension = (clip: Clip, content: Uint8Array): string => {
  if (clip.offset === undefined) return extname(clip.path).slice(1).toLowerCase()
  // A recording that comes from another shard has no name of its own.
  const form = Buffer.from(content.subarray(0, 4)).toString('latin1')
  return { RIFF: 'wav', fLaC: 'flac', OggS: 'ogg' }[form] ?? 'mp3'
}

/** Whether a shard has just these samples. */
const isWritten = async (shard: string, entries: readonly PlannedEntry[]): Promise<boolean> => {
  const found = await readTar(shard).catch(() => [])
  const descriptions = found.filter(({ name }) => name.endsWith('.json'))
  return (
    descriptions.length === entries.length &&
    descriptions.every(({ name, bytes }, at) => {
      const { key, description } = entries[at]!
      return name === `${key}.json` && bytes === Buffer.byteLength(description)
    })
  )
}

const writeShard = (shard: string, entries: readonly PlannedEntry[], skipped: SkippedClip[]): Promise<void> =>
  writeFileAtomic(shard, async (handle) => {
    const tar = pack()
    // Without names, times and rights of this machine, the same recordings make the same shard.
    const add = (name: string, content: Uint8Array) =>
      new Promise<void>((done, fail) => {
        tar.entry({ name, mtime: new Date(0), mode: 0o644 }, Buffer.from(content), (error) =>
          error ? fail(error) : done(),
        )
      })
    const fill = async () => {
      for (const { clip, key, description } of entries) {
        let content: Uint8Array
        try {
          content =
            clip.offset === undefined
              ? await readFile(clip.path)
              : await readRange({
                  file: clip.path,
                  offset: clip.offset,
                  ...(clip.bytes === undefined ? {} : { bytes: clip.bytes }),
                })
        } catch (error) {
          skipped.push({ path: clip.path, reason: (error as Error).message })
          continue
        }
        await add(`${key}.${audioExtension(clip, content)}`, content)
        await add(`${key}.json`, Buffer.from(description))
      }
      tar.finalize()
    }
    const filling = fill().catch((error: unknown) => tar.destroy(error as Error))
    for await (const chunk of tar) await handle.appendFile(chunk as Uint8Array)
    await filling
  })
