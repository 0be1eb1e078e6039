import { spawn, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CheckpointError } from '../errors'
import { isCompleteDirectory, recoverDirectory, writeDirectoryAtomic, writeFileAtomic } from './atomic'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atomic-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('writeFileAtomic', () => {
  it('writes and replaces, making missing folders, and leaves nothing else', async () => {
    const path = join(folder, 'a/b/file.txt')
    await writeFileAtomic(path, 'old')
    await writeFileAtomic(path, Uint8Array.of(110, 101, 119))
    expect(await readFile(path, 'utf8')).toBe('new')
    expect(await readdir(join(folder, 'a/b'))).toEqual(['file.txt'])
  })

  it('keeps the old file, and nothing else, when writing fails half-way', async () => {
    const path = join(folder, 'file.txt')
    await writeFileAtomic(path, 'old')
    const half = writeFileAtomic(path, async (handle) => {
      await handle.writeFile('ha')
      throw new Error('out of luck')
    })
    await expect(half).rejects.toThrow('out of luck')
    expect(await readFile(path, 'utf8')).toBe('old')
    expect(await readdir(folder)).toEqual(['file.txt'])
  })

  it('writes through a symbolic link', async () => {
    await writeFile(join(folder, 'real'), 'old')
    await symlink('real', join(folder, 'link'))
    await writeFileAtomic(join(folder, 'link'), 'new')
    expect(await readFile(join(folder, 'real'), 'utf8')).toBe('new')
  })

  it('says that a folder is in the way', async () => {
    await mkdir(join(folder, 'taken/x'), { recursive: true })
    await expect(writeFileAtomic(join(folder, 'taken'), 'x')).rejects.toThrow(CheckpointError)
    expect(await readdir(folder)).toEqual(['taken'])
  })

  it('lets several writers of one file each succeed', async () => {
    const path = join(folder, 'file.txt')
    await Promise.all(Array.from({ length: 8 }, (_, i) => writeFileAtomic(path, `${i}`.repeat(1000))))
    expect(await readFile(path, 'utf8')).toMatch(/^(\d)\1{999}$/)
    expect(await readdir(folder)).toEqual(['file.txt'])
  })
})

describe('writeDirectoryAtomic', () => {
  const fillWith = (content: string) => async (dir: string) => {
    await mkdir(join(dir, 'sub'))
    await writeFile(join(dir, 'sub/file'), content)
  }

  it('puts a new directory, and then another in its place', async () => {
    const dir = join(folder, 'runs/step-1')
    await writeDirectoryAtomic(dir, fillWith('one'))
    expect(await isCompleteDirectory(dir)).toBe(true)
    await writeDirectoryAtomic(dir, async (temporary) => {
      expect(await readFile(join(dir, 'sub/file'), 'utf8')).toBe('one')
      await fillWith('two')(temporary)
    })
    expect(await readFile(join(dir, 'sub/file'), 'utf8')).toBe('two')
    expect(await readdir(join(folder, 'runs'))).toEqual(['step-1'])
  })

  it('keeps the old directory when filling fails', async () => {
    const dir = join(folder, 'step-1')
    await writeDirectoryAtomic(dir, fillWith('one'))
    const failing = writeDirectoryAtomic(dir, async (temporary) => {
      await fillWith('two')(temporary)
      throw new RangeError('no')
    })
    await expect(failing).rejects.toThrow(RangeError)
    expect(await readFile(join(dir, 'sub/file'), 'utf8')).toBe('one')
    expect(await readdir(folder)).toEqual(['step-1'])
  })

  it('does not replace a file', async () => {
    await writeFile(join(folder, 'file'), 'mine')
    await expect(writeDirectoryAtomic(join(folder, 'file'), fillWith('x'))).rejects.toThrow(
      'There is a file of this name.',
    )
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('mine')
    expect(await readdir(folder)).toEqual(['file'])
  })

  it('an unfinished directory is not complete', async () => {
    expect(await isCompleteDirectory(folder)).toBe(false)
    expect(await isCompleteDirectory(join(folder, 'none'))).toBe(false)
  })
})

describe('recoverDirectory', () => {
  const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid
  const leftover = (pid: number, role: string) =>
    join(folder, `.step-1.${hostname().replace(/[^A-Za-z0-9-]/g, '_')}.${pid}.0123456789ab.${role}`)
  const directoryOf = async (content: string, path: string, complete = true) => {
    await writeDirectoryAtomic(join(folder, 'build'), (dir) => writeFile(join(dir, 'file'), content))
    if (!complete) await rm(join(folder, 'build/COMMIT'))
    await rename(join(folder, 'build'), path)
  }
  const dir = () => join(folder, 'step-1')

  it('puts the new directory in place if the writer died just before', async () => {
    const pid = deadPid()
    await directoryOf('old', leftover(pid, 'previous'))
    await directoryOf('new', leftover(pid, 'partial'))
    await recoverDirectory(dir())
    expect(await readFile(join(dir(), 'file'), 'utf8')).toBe('new')
    expect(await readdir(folder)).toEqual(['step-1'])
  })

  it('puts the old directory back if the new one is not finished', async () => {
    const pid = deadPid()
    await directoryOf('old', leftover(pid, 'previous'))
    await directoryOf('new', leftover(pid, 'partial'), false)
    await recoverDirectory(dir())
    expect(await readFile(join(dir(), 'file'), 'utf8')).toBe('old')
    expect(await readdir(folder)).toEqual(['step-1'])
  })

  it('removes what a dead writer left beside a good directory', async () => {
    await directoryOf('good', dir())
    await directoryOf('new', leftover(deadPid(), 'partial'), false)
    await recoverDirectory(dir())
    expect(await readFile(join(dir(), 'file'), 'utf8')).toBe('good')
    expect(await readdir(folder)).toEqual(['step-1'])
  })

  it('takes a process that is younger than what was left for another one with its number', async () => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'])
    try {
      const path = leftover(child.pid!, 'previous')
      await directoryOf('old', path)
      await recoverDirectory(dir())
      expect(await isCompleteDirectory(dir())).toBe(false)
      const anHourAgo = new Date(Date.now() - 3_600_000)
      await utimes(path, anHourAgo, anHourAgo)
      await recoverDirectory(dir())
      expect(await isCompleteDirectory(dir())).toBe(process.platform === 'linux')
    } finally {
      child.kill()
    }
  })

  it('leaves what a living process or another machine is writing', async () => {
    await directoryOf('new', leftover(process.ppid, 'partial'), false)
    await mkdir(join(folder, `.step-1.elsewhere.${deadPid()}.0123456789ab.partial`))
    await recoverDirectory(dir())
    expect((await readdir(folder)).length).toBe(2)
  })
})
