export { compileCached } from './compile'
export { DiskCache } from './disk-cache'
export { openDiskCache, type ProgramCacheOptions } from './options'
