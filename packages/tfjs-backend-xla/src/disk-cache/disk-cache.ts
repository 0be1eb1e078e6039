import { createHash, randomUUID } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { isPrivate, prepareDirectory } from './directory'

export const DEFAULT_MAX_BYTES = 2 * 2 ** 30

const EXTENSION = '.xla'
const MAGIC = Buffer.from('BABBLEX1')
const HEADER_BYTES = MAGIC.length + 32
/** A temporary file this old was left by a process that ended while writing. */
const STALE_MS = 3_600_000

/**
 * Compiled programs in a folder, for later processes of the same user. An entry is machine code: only private files in a
 * private folder are read, and only whole ones. Nothing here throws; what cannot be read is absent, what cannot be written is
 * not kept.
 */
export class DiskCache {
  readonly directory: string
  readonly maxBytes: number
  #prepared: boolean | undefined
  #hits = 0
  #writes = 0

  constructor(directory: string, maxBytes = DEFAULT_MAX_BYTES) {
    this.directory = directory
    this.maxBytes = maxBytes
  }

  /** Programs found so far. */
  get hits(): number {
    return this.#hits
  }

  /** Programs stored so far. */
  get writes(): number {
    return this.#writes
  }

  get(key: string): Uint8Array | undefined {
    if (!this.#usable()) return undefined
    const path = this.#path(key)
    let file: number | undefined
    try {
      file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
      const stats = fstatSync(file)
      if (!stats.isFile() || !isPrivate(stats)) return undefined
      const bytes = readFileSync(file)
      const payload = bytes.subarray(HEADER_BYTES)
      const isWhole =
        bytes.length > HEADER_BYTES &&
        bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
        bytes.subarray(MAGIC.length, HEADER_BYTES).equals(sha256(payload))
      if (!isWhole) return undefined
      this.#hits++
      const now = new Date()
      utimesSync(path, now, now)
      return payload
    } catch {
      return undefined
    } finally {
      if (file !== undefined) closeSync(file)
    }
  }

  put(key: string, payload: Uint8Array): void {
    if (!this.#usable() || payload.length + HEADER_BYTES > this.maxBytes) return
    const temporary = join(this.directory, `.${process.pid}-${randomUUID()}`)
    try {
      writeWhole(temporary, [MAGIC, sha256(payload), payload])
      renameSync(temporary, this.#path(key))
      this.#writes++
      this.#evict()
    } catch {
      rmSync(temporary, { force: true })
    }
  }

  remove(key: string): void {
    try {
      rmSync(this.#path(key), { force: true })
    } catch {
      // It will be written over, or found unusable again.
    }
  }

  #path(key: string): string {
    return join(this.directory, key + EXTENSION)
  }

  #usable(): boolean {
    if (this.#prepared === undefined) {
      const reason = prepareDirectory(this.directory)
      this.#prepared = reason === undefined
      if (reason) process.emitWarning(`compiled programs are not kept in ${this.directory}: ${reason}.`, 'XlaWarning')
    }
    return this.#prepared
  }

  /** Removes the programs that have not been used for the longest time, until the rest fits. */
  #evict(): void {
    const now = Date.now()
    let total = 0
    const entries: { path: string; size: number; used: number }[] = []
    for (const name of readdirSync(this.directory)) {
      const path = join(this.directory, name)
      // Another process may remove it meanwhile.
      const stats = statSync(path, { throwIfNoEntry: false })
      if (!stats) continue
      if (name.endsWith(EXTENSION)) {
        entries.push({ path, size: stats.size, used: stats.mtimeMs })
        total += stats.size
      } else if (name.startsWith('.') && now - stats.mtimeMs > STALE_MS) rmSync(path, { force: true })
    }
    entries.sort((a, b) => a.used - b.used)
    for (const { path, size } of entries) {
      if (total <= this.maxBytes) return
      rmSync(path, { force: true })
      total -= size
    }
  }
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

/** Writes a private file that is on the disk when this returns. */
const writeWhole = (path: string, parts: readonly Uint8Array[]): void => {
  const file = openSync(path, 'wx', 0o600)
  try {
    for (const part of parts) {
      for (let done = 0; done < part.length; ) done += writeSync(file, part, done)
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
