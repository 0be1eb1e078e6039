import { readFile, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { pack } from 'tar-stream'
import { writeFileAtomic } from '../../checkpoint/index'
import { ConfigError, DataError } from '../../errors'
import type { Clip } from '../clip'
import { readRange } from '../read-range'
import type { SkippedClip } from '../recordings'
import { type IndexShardsOptions, indexNamed, type ShardIndex } from './index-shards'
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
  /** Bytes of the recording, and when its file was last changed. */
  readonly bytes: number
  readonly changed: number
}

/**
 * Packs recordings into tar shards in the layout of WebDataset (`shard-000000.tar`, …; a recording and a `.json` with its text and
 * other values for each sample), and makes their index. Files go in as they are. Shards appear whole or not at all; those that an
 * interrupted run has finished are kept, unless a recording or what is known of it has changed since. Other archives in the folder are
 * left alone, and are not in the index.
 *
 * @returns the index; recordings that cannot be read are left out and listed.
 */
export const writeShards = async (clips: Iterable<Clip>, options: WriteShardsOptions): Promise<ShardIndex> => {
  const { output, shardBytes = 2 ** 30, onProgress, signal, sampleRate } = options
  if (!(shardBytes >= 1)) throw new ConfigError(`shardBytes is ${shardBytes}.`, { field: 'shardBytes' })
  const skipped: SkippedClip[] = []
  let entries: PlannedEntry[] = []
  let bytes = 0
  const shards: string[] = []
  let count = 0
  const flush = async () => {
    if (entries.length === 0) return
    const name = `shard-${String(shards.length).padStart(6, '0')}.tar`
    const shard = join(output, name)
    if (!(await isWritten(shard, entries))) await writeShard(shard, entries, skipped)
    shards.push(name)
    onProgress?.(shards.length, Number.NaN)
    entries = []
    bytes = 0
  }
  for (const clip of clips) {
    signal?.throwIfAborted()
    const file = await stat(clip.path).catch(() => undefined)
    if (file === undefined) {
      skipped.push({ path: clip.path, reason: 'There is no such file.' })
      continue
    }
    const { path, samples: _, offset, bytes: length, fields = {}, ...known } = clip
    // Keys have no dots: what follows the first one tells a sample's files apart.
    const stem = offset === undefined ? basename(path, extname(path)) : (fields.key ?? `${offset}`)
    const key = `${String(count++).padStart(9, '0')}-${stem.replace(/[^\p{L}\p{N}_-]+/gu, '_').slice(-80)}`
    const size = offset === undefined ? file.size : (length ?? 0)
    const description = JSON.stringify({ ...known, ...fields })
    entries.push({ clip, key, description, bytes: size, changed: file.mtimeMs })
    bytes += size
    if (bytes >= shardBytes) await flush()
  }
  await flush()
  if (shards.length === 0) throw new DataError('there is no recording to write.', { file: output })
  const index = await indexNamed(output, shards, {
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

/** Whether a shard has just these samples, and is newer than the files that they come from. */
const isWritten = async (shard: string, entries: readonly PlannedEntry[]): Promise<boolean> => {
  const written = (await stat(shard).catch(() => undefined))?.mtimeMs
  if (written === undefined || entries.some(({ changed }) => changed > written)) return false
  const found = await readTar(shard).catch(() => [])
  if (found.length !== 2 * entries.length) return false
  for (const [at, { key, description, bytes }] of entries.entries()) {
    const [recording, text] = [found[2 * at]!, found[2 * at + 1]!]
    if (!recording.name.startsWith(`${key}.`) || recording.bytes !== bytes) return false
    if (text.name !== `${key}.json` || text.bytes !== Buffer.byteLength(description)) return false
    const content = await readRange({ file: shard, offset: text.offset, bytes: text.bytes })
    if (Buffer.from(content).toString('utf8') !== description) return false
  }
  return true
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
