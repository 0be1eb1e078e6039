import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { Corpus } from './corpus'
import { type DownloadOptions, dataSet, downloadedCorpus } from './download'
import { localCorpus } from './local'
import { type SynthesisOptions, synthesisedCorpus } from './synthesis'

export interface FindCorpusOptions {
  /** A folder of recordings; then nothing else is looked for. */
  readonly data?: string
  /** Folder for what is downloaded or synthesised. Default: `dataCache()`. */
  readonly cache?: string
  readonly download?: Partial<DownloadOptions>
  readonly synthesis?: Partial<SynthesisOptions>
  readonly onProgress?: DownloadOptions['onProgress']
  readonly signal?: AbortSignal
  /** Told, in a sentence, what could not be had and what is taken in its place. */
  readonly onNote?: (text: string) => void
}

/** The folder for data that can be fetched again: `data` in `BABBLE_CACHE`, or in `babble` in the user's cache folder. */
export const dataCache = (environment: Readonly<Record<string, string | undefined>> = process.env): string => {
  if (environment.BABBLE_CACHE) return join(environment.BABBLE_CACHE, 'data')
  const xdg = environment.XDG_CACHE_HOME
  if (xdg && isAbsolute(xdg)) return join(xdg, 'babble', 'data')
  const home = environment.HOME || homedir()
  if (process.platform === 'darwin') return join(home, 'Library', 'Caches', 'babble', 'data')
  if (process.platform === 'win32')
    return join(environment.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'babble', 'data')
  return join(home, '.cache', 'babble', 'data')
}

/**
 * Recordings of spoken digits: those in the folder `data`, if it is given; else the public ones, from the cache or the network; else
 * synthesised ones.
 *
 * @throws DataError for a folder without usable recordings, or when nothing can be had.
 */
export const findCorpus = async (options: FindCorpusOptions = {}): Promise<Corpus> => {
  if (options.data !== undefined) return localCorpus(options.data)
  const { cache = dataCache(), onNote = () => {}, signal } = options
  const shared = {
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
    ...(signal ? { signal } : {}),
  }
  try {
    const directory = join(cache, `free-spoken-digits-${dataSet.commit.slice(0, 12)}`)
    return await downloadedCorpus({ directory, ...shared, ...options.download })
  } catch (error) {
    signal?.throwIfAborted()
    onNote(`The ${dataSet.name} cannot be had: ${(error as Error).message}`)
    onNote('In its place SYNTHETIC speech is used: error rates are those of a machine voice, not of people.')
  }
  return synthesisedCorpus({ directory: join(cache, 'synthesised-digits'), ...shared, ...options.synthesis })
}
