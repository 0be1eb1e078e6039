import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RunFolder } from './run-folder'

let path: string
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'babble-run-'))
})
afterEach(() => rm(path, { recursive: true }))

const checkpoint = () => mkdir(join(path, 'pretraining', 'checkpoint-10'), { recursive: true })
const settings = { seed: 1 }

describe('RunFolder', () => {
  it('goes on with an interrupted run of the same settings, and adds up its time', async () => {
    const first = await RunFolder.open(path, settings)
    expect(first.resumed).toBe(false)
    await first.timed('pre-training', checkpoint)
    const before = first.seconds['pre-training']!
    const second = await RunFolder.open(path, settings)
    expect(second.resumed).toBe(true)
    expect(await readdir(path)).toContain('pretraining')
    await second.timed('pre-training', () => new Promise((resolve) => setTimeout(resolve, 20)))
    expect(second.seconds['pre-training']).toBeGreaterThan(before + 0.015)
  })

  it('keeps the time of a stage that failed', async () => {
    const folder = await RunFolder.open(path, settings)
    await expect(folder.timed('fine-tuning', () => Promise.reject(new Error('stopped')))).rejects.toThrow('stopped')
    expect((await RunFolder.open(path, settings)).seconds).toHaveProperty('fine-tuning')
  })

  it('refuses to go on, or to remove anything, with other settings', async () => {
    await RunFolder.open(path, settings)
    await checkpoint()
    await expect(RunFolder.open(path, { seed: 2 })).rejects.toThrow(/other options.*--fresh/)
    expect(await readdir(path)).toContain('pretraining')
  })

  it('starts anew when asked to, and after a finished run, leaving what is not its own', async () => {
    await RunFolder.open(path, settings)
    await checkpoint()
    await writeFile(join(path, 'notes.txt'), 'mine')
    const fresh = await RunFolder.open(path, { seed: 2 }, true)
    expect(fresh.resumed).toBe(false)
    expect((await readdir(path)).sort()).toEqual(['demo.json', 'notes.txt'])
    await checkpoint()
    await fresh.finish()
    const next = await RunFolder.open(path, { seed: 2 })
    expect(next.resumed).toBe(false)
    expect((await readdir(path)).sort()).toEqual(['demo.json', 'notes.txt'])
  })

  it('does not take a folder that only looks like its own', async () => {
    await mkdir(join(path, 'model'))
    await expect(RunFolder.open(path, settings)).rejects.toThrow(/"model".*--out/)
    await writeFile(join(path, 'demo.json'), '{ broken')
    await expect(RunFolder.open(path, settings)).rejects.toThrow(/not JSON/)
    expect(await readdir(path)).toContain('model')
  })
})
