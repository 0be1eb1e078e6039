import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DiskCache } from './disk-cache'
import { programKey } from './identity'
import { openDiskCache } from './options'

const bytes = (length: number, value = 7) => new Uint8Array(length).fill(value)

describe('DiskCache', () => {
  let folder: string
  let directory: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'babble-'))
    directory = join(folder, 'programs')
  })
  afterEach(() => {
    vi.restoreAllMocks()
    rmSync(folder, { recursive: true })
  })

  it('gives back what was put, also to another instance, and nothing under another key', () => {
    new DiskCache(directory).put('a', bytes(1000))
    const cache = new DiskCache(directory)
    expect(cache.get('a')).toEqual(Buffer.from(bytes(1000)))
    expect(cache.get('b')).toBeUndefined()
    expect(cache.hits).toBe(1)
  })

  it.skipIf(process.platform === 'win32')('keeps folder and files to the user, and leaves nothing else there', () => {
    new DiskCache(directory).put('a', bytes(10))
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(readdirSync(directory)).toEqual(['a.xla'])
    expect(statSync(join(directory, 'a.xla')).mode & 0o777).toBe(0o600)
  })

  it('takes no entry that is cut short, changed, or of another format, and replaces it', () => {
    const cache = new DiskCache(directory)
    const path = join(directory, 'a.xla')
    cache.put('a', bytes(100))
    const whole = readFileSync(path)
    const changed = Buffer.from(whole)
    changed[60]! ^= 1
    const format = Buffer.from(whole)
    format[7] = '0'.charCodeAt(0)
    for (const damaged of [whole.subarray(0, 90), whole.subarray(0, 4), Buffer.alloc(0), changed, format]) {
      writeFileSync(path, damaged)
      expect(cache.get('a')).toBeUndefined()
    }
    cache.put('a', bytes(100))
    expect(cache.get('a')).toHaveLength(100)
  })

  it.skipIf(process.platform === 'win32')('runs nothing that others may have written', () => {
    const cache = new DiskCache(directory)
    cache.put('a', bytes(100))
    for (const mode of [0o620, 0o602]) {
      chmodSync(join(directory, 'a.xla'), mode)
      expect(cache.get('a')).toBeUndefined()
    }
    chmodSync(join(directory, 'a.xla'), 0o600)
    expect(cache.get('a')).toHaveLength(100)
    symlinkSync(join(directory, 'a.xla'), join(directory, 'b.xla'))
    expect(cache.get('b')).toBeUndefined()
  })

  it.skipIf(process.platform === 'win32')('uses no folder that others can write to, and says so once', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    mkdirSync(directory)
    chmodSync(directory, 0o770)
    const cache = new DiskCache(directory)
    cache.put('a', bytes(10))
    expect(cache.get('a')).toBeUndefined()
    expect(readdirSync(directory)).toEqual([])
    expect(warn).toHaveBeenCalledOnce()
    expect(warn.mock.calls[0]![0]).toMatch(/others can write to it.*chmod 700/)
  })

  it('removes what was not used for the longest time when it grows beyond its size', () => {
    const cache = new DiskCache(directory, 3500)
    const age = (key: string, minutes: number) => {
      const then = new Date(Date.now() - 60_000 * minutes)
      utimesSync(join(directory, `${key}.xla`), then, then)
    }
    for (const key of ['a', 'b', 'c']) cache.put(key, bytes(1000))
    age('a', 30)
    age('b', 20)
    age('c', 10)
    // Reading makes it the newest.
    expect(cache.get('a')).toBeDefined()
    cache.put('d', bytes(1000))
    expect(readdirSync(directory).sort()).toEqual(['a.xla', 'c.xla', 'd.xla'])
    cache.put('huge', bytes(4000))
    expect(existsSync(join(directory, 'huge.xla'))).toBe(false)
    expect(cache.get('c')).toBeDefined()
  })

  it('clears away what a killed process was writing', () => {
    const cache = new DiskCache(directory)
    cache.put('a', bytes(10))
    for (const name of ['.1-old', '.2-new']) writeFileSync(join(directory, name), 'half')
    const longAgo = new Date(Date.now() - 2 * 3_600_000)
    utimesSync(join(directory, '.1-old'), longAgo, longAgo)
    cache.put('b', bytes(10))
    expect(readdirSync(directory).sort()).toEqual(['.2-new', 'a.xla', 'b.xla'])
  })

  it('is silent where it cannot write', () => {
    const cache = new DiskCache(directory)
    cache.put('a', bytes(10))
    rmSync(directory, { recursive: true })
    expect(() => cache.put('b', bytes(10))).not.toThrow()
    expect(cache.get('b')).toBeUndefined()
  })
})

describe('openDiskCache', () => {
  it('takes the option, then the environment, then the cache folder', () => {
    const environment = { BABBLE_CACHE: '/cache', BABBLE_PROGRAM_CACHE: '/env' }
    expect(openDiskCache('/option', environment)?.directory).toBe('/option')
    expect(openDiskCache({ directory: '/option', maxBytes: 5 }, environment)).toMatchObject({
      directory: '/option',
      maxBytes: 5,
    })
    expect(openDiskCache(undefined, environment)?.directory).toBe('/env')
    expect(openDiskCache(undefined, { BABBLE_CACHE: '/cache' })?.directory).toBe(join('/cache', 'programs'))
    expect(openDiskCache(undefined, { BABBLE_CACHE: '/cache' })?.maxBytes).toBe(2 * 2 ** 30)
    expect(openDiskCache(false, environment)).toBeUndefined()
    expect(openDiskCache(undefined, { BABBLE_PROGRAM_CACHE: 'off' })).toBeUndefined()
    expect(openDiskCache(undefined, { BABBLE_PROGRAM_CACHE_BYTES: '1000', BABBLE_CACHE: '/c' })?.maxBytes).toBe(1000)
    expect(() => openDiskCache(undefined, { BABBLE_PROGRAM_CACHE_BYTES: 'much' })).toThrow(/BABBLE_PROGRAM_CACHE_BYTES/)
  })
})

describe('programKey', () => {
  it('differs with the machine, the options and the text, and does not confuse their borders', () => {
    const options = Uint8Array.of(1, 2)
    const keys = [
      programKey('machine', 'text', options),
      programKey('machine2', 'text', options),
      programKey('machine', 'text2', options),
      programKey('machine', 'text', Uint8Array.of(1, 3)),
      programKey('machinetext', '', options),
    ]
    expect(new Set(keys).size).toBe(keys.length)
    expect(programKey('machine', 'text', options)).toBe(keys[0])
  })
})
