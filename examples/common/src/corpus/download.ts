import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError, writeFileAtomic } from '@babble/core'
import { type Corpus, type CorpusProgress, type DigitClip, digitWords, splitOf } from './corpus'
import hashes from './recordings.json' with { type: 'json' }

/** SHA-256 of each recording's file, by its name. */
export type HashTable = Readonly<Record<string, string>>

/** https://github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0, at the commit that the hashes were taken from. */
export const dataSet = {
  name: 'Free Spoken Digit Dataset',
  licence: 'CC BY-SA 4.0',
  commit: '26eb9aaf76e81b692f806f9140c2d2777410d7a1',
  base: 'https://raw.githubusercontent.com/Jakobovski/free-spoken-digit-dataset/26eb9aaf76e81b692f806f9140c2d2777410d7a1/recordings/',
} as const

export interface DownloadOptions {
  /** Folder that keeps the recordings. */
  readonly directory: string
  /** Default: the data set's recordings in use. */
  readonly hashes?: HashTable
  /** Address that a recording's name is put after. Default: the data set at its pinned commit. */
  readonly base?: string
  readonly onProgress?: CorpusProgress
  readonly signal?: AbortSignal
  /** Files fetched at a time. Default 16. */
  readonly concurrency?: number
  /** Tries for each file. Default 3. */
  readonly tries?: number
  /** Milliseconds that a file may take. Default 20000. */
  readonly timeout?: number
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Whether the file at `path` is the one that the table means. */
const isIntact = async (path: string, hash: string): Promise<boolean> => {
  try {
    return sha256(await readFile(path)) === hash
  } catch {
    return false
  }
}

/** Calls `task` on all items, some at a time; the first failure stops the rest and is thrown. */
const forEachConcurrently = async <T>(
  items: readonly T[],
  concurrency: number,
  task: (item: T) => Promise<void>,
): Promise<void> => {
  let next = 0
  let failed = false
  const worker = async () => {
    while (next < items.length && !failed) {
      try {
        await task(items[next++]!)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker))
}

const clipOf = (directory: string, name: string): DigitClip => {
  const [, digit, speaker, take] = /^(\d)_([a-z]+)_(\d+)\.wav$/.exec(name) ?? []
  const split = speaker === undefined ? undefined : splitOf(speaker, Number(take))
  if (split === undefined) throw new DataError(`"${name}" is not a recording in use.`, { field: 'hashes' })
  return { path: join(directory, name), text: digitWords[Number(digit)]!, speaker: speaker!, split }
}

const fetchOnce = async (address: string, options: DownloadOptions): Promise<Uint8Array> => {
  const timeout = AbortSignal.timeout(options.timeout ?? 20_000)
  const response = await fetch(address, {
    signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
  })
  if (!response.ok) {
    await response.body?.cancel()
    throw Object.assign(new Error(`the server answered ${response.status} ${response.statusText}`), {
      final: response.status < 500 && response.status !== 429,
    })
  }
  return new Uint8Array(await response.arrayBuffer())
}

/** What went wrong with a fetch, in a few words. */
const reason = (error: unknown): string => {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } }
  return cause?.code ?? cause?.message ?? message
}

const fetchRecording = async (name: string, hash: string, options: DownloadOptions): Promise<void> => {
  const { tries = 3, base = dataSet.base, directory, signal } = options
  const address = base + name
  let bytes: Uint8Array | undefined
  for (let attempt = 1; bytes === undefined; attempt++) {
    try {
      bytes = await fetchOnce(address, options)
    } catch (error) {
      signal?.throwIfAborted()
      if (attempt >= tries || (error as { final?: boolean }).final) {
        throw new DataError(`it could not be downloaded: ${reason(error)}.`, { file: address, cause: error })
      }
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt))
    }
  }
  const found = sha256(bytes)
  if (found !== hash) {
    throw new DataError(`its SHA-256 is ${found}, not ${hash}: this is not the recording that was published.`, {
      file: address,
      field: 'sha256',
      cure: 'Nothing was kept of it. Try another network.',
    })
  }
  await writeFileAtomic(join(directory, name), bytes)
}

/**
 * The public recordings, out of `directory` as far as they are there, the rest downloaded. Each file is checked by its SHA-256, those
 * that were there too; what has arrived stays, so an interrupted download goes on where it stopped.
 *
 * @throws DataError naming the recording that cannot be had, or is not the published one.
 */
export const downloadedCorpus = async (options: DownloadOptions): Promise<Corpus> => {
  const { directory, hashes: table = hashes, onProgress, concurrency = 16 } = options
  const entries = Object.entries(table)
  const clips = entries.map(([name]) => clipOf(directory, name))
  await mkdir(directory, { recursive: true })
  const missing: (readonly [string, string])[] = []
  await forEachConcurrently(entries, 8, async ([name, hash]) => {
    if (!(await isIntact(join(directory, name), hash))) missing.push([name, hash])
  })
  missing.sort(([a], [b]) => (a < b ? -1 : 1))
  let done = entries.length - missing.length
  const fetchNext = async ([name, hash]: readonly [string, string]) => {
    await fetchRecording(name, hash, options)
    onProgress?.('Downloading recordings', ++done, entries.length)
  }
  // One alone to begin with, which shows whether the network is there at all.
  if (missing.length > 0) await fetchNext(missing[0]!)
  await forEachConcurrently(missing.slice(1), concurrency, fetchNext)
  return {
    clips,
    source: `${dataSet.name} (${dataSet.licence}), commit ${dataSet.commit.slice(0, 12)}`,
    synthetic: false,
  }
}
