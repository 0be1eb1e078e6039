import { join } from 'node:path'
import process from 'node:process'
import { cacheDirectory } from '../install/index'
import { XlaError } from '../pjrt/index'
import { DEFAULT_MAX_BYTES, DiskCache } from './disk-cache'

/** Where compiled programs are kept for later processes. */
export interface ProgramCacheOptions {
  /** Default: `programs` in Babble's cache folder. */
  readonly directory?: string
  /** Size of all files, beyond which those not used for the longest time are removed. Default 2 GiB. */
  readonly maxBytes?: number
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The cache that an option and the environment ask for: the option first, then `BABBLE_PROGRAM_CACHE` (`off`, or a folder) and
 * `BABBLE_PROGRAM_CACHE_BYTES`, then the default folder.
 */
export const openDiskCache = (
  option: string | false | ProgramCacheOptions | undefined,
  environment: Environment = process.env,
): DiskCache | undefined => {
  const variable = environment.BABBLE_PROGRAM_CACHE
  if (option === false || (option === undefined && variable === 'off')) return undefined
  const settings = typeof option === 'string' ? { directory: option } : (option ?? {})
  const directory = settings.directory ?? (variable && variable !== 'off' ? variable : undefined)
  const bytes = settings.maxBytes ?? Number(environment.BABBLE_PROGRAM_CACHE_BYTES || DEFAULT_MAX_BYTES)
  if (!(Number.isFinite(bytes) && bytes > 0)) {
    const field = settings.maxBytes === undefined ? 'BABBLE_PROGRAM_CACHE_BYTES' : 'programCache.maxBytes'
    throw new XlaError(`${field} must be a number of bytes above 0; to keep no programs, set programCache to false.`)
  }
  return new DiskCache(directory ?? join(cacheDirectory(environment), 'programs'), bytes)
}
