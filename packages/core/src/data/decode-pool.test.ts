import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeWav } from '../audio/index'
import { AudioError, ConfigError, DataError } from '../errors'
import { decodeClip } from './decode-clip'
import { DecodePool } from './decode-pool'
import { sourceLoader } from './source-loader'

const tone = (samples: number, level = 0.3) =>
  Float32Array.from({ length: samples }, (_, at) => level * Math.sin(at / 7) + 0.05)

describe('DecodePool', () => {
  let folder: string
  const path = (name: string) => join(folder, name)
  const task = (name: string) => ({ file: path(name), sampleRate: 16000 })
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'babble-pool-'))
    for (let at = 0; at < 20; at++) await writeFile(path(`${at}.wav`), encodeWav(tone(1000 + at), 16000))
    await writeFile(path('8k.wav'), encodeWav(tone(1000), 8000))
    await writeFile(path('text.wav'), 'no recording')
    const [a, b] = [encodeWav(tone(300), 16000), encodeWav(tone(400), 16000)]
    await writeFile(path('shard.bin'), Buffer.concat([Buffer.alloc(512), a, b]))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('decodes in threads what the calling thread would', async () => {
    const pool = new DecodePool({ threads: 2 })
    const tasks = [
      ...Array.from({ length: 20 }, (_, at) => task(`${at}.wav`)),
      task('8k.wav'),
      { ...task('3.wav'), normalize: true, start: 10, length: 100 },
      { ...task('3.wav'), samples: 1010 },
      { file: path('shard.bin'), sampleRate: 16000, offset: 512 + 44 + 600, bytes: 44 + 800 },
    ]
    const results = await Promise.all(tasks.map((one) => pool.decode(one)))
    expect(results.map(({ length }) => length).slice(-4)).toEqual([2000, 100, 1010, 400])
    for (const [at, one] of tasks.entries()) expect(results[at]).toEqual(await decodeClip(one))
    // Nothing of the recording but what was asked for is kept.
    expect(results.at(-3)!.buffer.byteLength).toBe(400)
    expect(pool.pending).toBe(0)
    await pool.close()
  })

  it('names the file at fault with an error of the right class, and goes on', async () => {
    const pool = new DecodePool({ threads: 1 })
    const fault = (one: Parameters<DecodePool['decode']>[0]) => pool.decode(one).catch((error: unknown) => error)
    const errors = await Promise.all([
      fault(task('none.wav')),
      fault(task('text.wav')),
      fault({ ...task('1.wav'), samples: 9000 }),
      fault({ ...task('1.wav'), start: 900, length: 200 }),
      fault({ file: path('shard.bin'), sampleRate: 16000, offset: 512, bytes: 1e9 }),
    ])
    expect(errors.map((error) => (error as Error).constructor)).toEqual([
      AudioError,
      AudioError,
      DataError,
      DataError,
      DataError,
    ])
    const local = await decodeClip(task('none.wav')).catch((error: Error) => error.message)
    expect((errors[0] as Error).message).toBe(local)
    expect(errors[0]).toMatchObject({ file: path('none.wav'), cure: 'Check the path and its permissions.' })
    expect((errors[1] as Error).message).toMatch(/^\S+text\.wav: This is not a recording/)
    expect((errors[2] as Error).message).toMatch(/1\.wav: it has 1001 samples at 16000 Hz, but its manifest says 9000/)
    expect((errors[3] as Error).message).toMatch(/1\.wav: samples 900 to 1100 are asked for, but it has 1001/)
    expect((errors[4] as Error).message).toMatch(/shard\.bin: it should have 1000000000 bytes from byte 512 on/)
    expect((await pool.decode(task('2.wav'))).length).toBe(1002)
    await pool.close()
  })

  it('gives up what is cancelled, and reads nothing for what still waits', async () => {
    const pool = new DecodePool({ threads: 1 })
    const cancelled = new AbortController()
    const kept = pool.decode(task('0.wav'))
    const given = Array.from({ length: 19 }, (_, at) => pool.decode(task(`${at + 1}.wav`), cancelled.signal))
    const reasons = Promise.allSettled(given)
    cancelled.abort(new Error('not wanted'))
    expect(
      (await reasons).every((result) => result.status === 'rejected' && result.reason.message === 'not wanted'),
    ).toBe(true)
    expect(pool.pending).toBeLessThanOrEqual(2)
    expect((await kept).length).toBe(1000)
    await expect(pool.decode(task('1.wav'), cancelled.signal)).rejects.toThrow('not wanted')
    await pool.close()
  })

  it('can be closed at any time, and used again', async () => {
    const pool = new DecodePool({ threads: 2 })
    const results = Promise.allSettled(Array.from({ length: 20 }, (_, at) => pool.decode(task(`${at}.wav`))))
    await pool.close()
    for (const result of await results)
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(DataError)
    expect(pool.pending).toBe(0)
    expect((await pool.decode(task('5.wav'))).length).toBe(1005)
    await pool.close()
  })

  it('decodes without threads where none are wanted', async () => {
    const pool = new DecodePool({ threads: 0 })
    expect((await pool.decode(task('5.wav'))).length).toBe(1005)
    expect(() => new DecodePool({ threads: 1.5 })).toThrow(ConfigError)
  })

  it('lets the process end once nothing is being decoded, closed or not, and not before', () => {
    const pool = fileURLToPath(new URL('./decode-pool.ts', import.meta.url))
    const script = `
      import { DecodePool } from ${JSON.stringify(pool)}
      const samples = await new DecodePool({ threads: 2 }).decode(${JSON.stringify(task('7.wav'))})
      console.log(samples.length)`
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [...sourceLoader, '--input-type=module', '-e', script],
      {
        encoding: 'utf8',
        timeout: 60_000,
      },
    )
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '1007\n', stderr: '' })
  })
})
