import { type Dirent, existsSync, lstatSync, readdirSync, readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, cpus, freemem, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { glibcVersion } from '../install/platform'
import { currentTarget } from '../install/wheel'
import type { CacheReport, SystemReport } from './report'

/** Variables that change which plugin is found or how it runs. */
const VARIABLES = [
  'BABBLE_PJRT_PLUGIN',
  'BABBLE_CACHE',
  'BABBLE_MEMORY_FRACTION',
  'BABBLE_PREALLOCATE',
  'BABBLE_MALLOC',
  'BABBLE_PROGRAM_CACHE',
  'XLA_FLAGS',
  'TF_CPP_MIN_LOG_LEVEL',
  'NPROC',
  'PJRT_NPROC',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_VISIBLE_DEVICES',
  'HIP_VISIBLE_DEVICES',
  'LD_LIBRARY_PATH',
  'VIRTUAL_ENV',
  'CONDA_PREFIX',
]

const CPU_FEATURES =
  /^(avx2|fma|f16c|avx512f|avx512_bf16|avx512_vnni|avx_vnni|amx_bf16|amx_tile|asimd|bf16|sve|sve2|i8mm)$/

/** Node, the processor and what is set in the environment. */
export function readSystem(): SystemReport {
  const { NPROC, PJRT_NPROC } = process.env
  const environment = VARIABLES.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    node: process.version,
    platform: currentTarget(),
    glibc: glibcVersion()?.join('.'),
    cpuModel: cpus()[0]?.model.trim() || 'unknown',
    processors: cpus().length,
    availableProcessors: availableParallelism(),
    threadsSetting: PJRT_NPROC ?? NPROC,
    cpuFeatures: readCpuFeatures(),
    memoryBytes: totalmem(),
    freeMemoryBytes: freemem(),
    load: process.platform === 'win32' ? undefined : loadavg()[0],
    environment: Object.fromEntries(environment),
  }
}

function readCpuFeatures(): string[] {
  try {
    const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]
    return (flags?.split(/\s+/) ?? []).filter((flag) => CPU_FEATURES.test(flag))
  } catch {
    return []
  }
}

/** The cache folder, its size on disk and the space that is left there. */
export function readCache(folder: string): CacheReport {
  const seen = new Set<string>()
  return { folder, bytes: existsSync(folder) ? sizeOf(folder, seen) : undefined, freeBytes: freeBytes(folder) }
}

function sizeOf(folder: string, seen: Set<string>): number {
  let bytes = 0
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name)
    try {
      const { size, ino, dev, nlink } = lstatSync(path)
      if (entry.isDirectory()) bytes += sizeOf(path, seen)
      // One file under several names is on disk once.
      else if (nlink === 1 || !seen.has(`${dev}:${ino}`)) bytes += size
      seen.add(`${dev}:${ino}`)
    } catch {
      // Removed meanwhile.
    }
  }
  return bytes
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

function freeBytes(folder: string): number | undefined {
  // The disk of the nearest folder above that exists.
  for (let path = folder; ; path = join(path, '..')) {
    try {
      const { bavail, bsize } = statfsSync(path)
      return bavail * bsize
    } catch {
      if (path === join(path, '..')) return undefined
    }
  }
}
