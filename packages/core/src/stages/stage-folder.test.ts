import { existsSync, mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { putAside } from './stage-folder'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'babble-aside-'))
})
afterEach(() => rm(directory, { recursive: true }))

it('puts a stage aside after those that read it, so that what was cut off can be asked for again', async () => {
  mkdirSync(join(directory, 'clusters'))
  await expect(putAside(directory, ['clusters', 'not-there'])).rejects.toThrow('ENOENT')
  expect(existsSync(join(directory, 'clusters'))).toBe(true)
  const folder = await putAside(directory, ['clusters'])
  expect(folder).toBe(join(directory, 'aside-2'))
  expect(existsSync(join(folder!, 'clusters'))).toBe(true)
})
