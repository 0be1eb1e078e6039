import type { PjrtClient, PjrtExecutable, ProgramOptions, TensorSpec } from '../pjrt/index'
import type { DiskCache } from './disk-cache'
import { machineIdentity, programKey } from './identity'

/** Programs that compile faster than this are not worth a file. */
const WORTH_KEEPING_MS = 500

/** What {@link compileCached} needs to know. */
export interface CompileRequest {
  readonly client: PjrtClient
  readonly cache: DiskCache | undefined
  readonly text: string
  readonly outputs: readonly TensorSpec[]
  readonly options?: ProgramOptions
  /** Milliseconds of compiling from which a program is kept. */
  readonly worthKeeping?: number
}

/** Compiles a program, or loads what an earlier process made of it. */
export const compileCached = (request: CompileRequest): PjrtExecutable => {
  const { client, cache, text, outputs, options, worthKeeping = WORTH_KEEPING_MS } = request
  if (!cache) return client.compile(text, outputs, options)
  const key = programKey(machineIdentity(client), text, client.compileOptions(options))
  const stored = cache.get(key)
  if (stored) {
    try {
      return client.load(stored, text, outputs, options)
    } catch {
      // Of another build under the same name, or for a machine that only looked the same.
      cache.remove(key)
    }
  }
  const start = performance.now()
  const executable = client.compile(text, outputs, options)
  if (performance.now() - start >= worthKeeping) keep(cache, key, executable)
  return executable
}

const keep = (cache: DiskCache, key: string, executable: PjrtExecutable): void => {
  try {
    cache.put(key, executable.serialize())
  } catch {
    // Not every plugin can serialize every program; the next process compiles it again.
  }
}
