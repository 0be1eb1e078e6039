import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openRunFolder } from './run-training'
import { trainingSettings } from './training-settings'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'babble-run-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const identity = { model: 'm', task: 'pretrain', recipe: trainingSettings(10), data: { sha256: 'a' } }
const begin = (directory: string) => writeFileSync(join(directory, 'run.json'), JSON.stringify({ identity }))

it('makes a folder, and goes on with the same run in it', async () => {
  const directory = join(root, 'deep/run')
  expect(await openRunFolder(directory, identity)).toEqual({ resumes: false })
  begin(directory)
  expect(await openRunFolder(directory, identity)).toEqual({ resumes: true })
})

it('lets change what does not change the updates done so far', async () => {
  begin(root)
  const recipe = { ...identity.recipe, maxSteps: 20, accumulate: 2, devices: 4, logEvery: 1, keepLast: 9 }
  expect(await openRunFolder(root, { ...identity, recipe })).toEqual({ resumes: true })
})

it('refuses another run, and lists in what it differs', async () => {
  begin(root)
  const other = {
    ...identity,
    recipe: { ...identity.recipe, seed: 2, precision: 'bf16' as const },
    data: { sha256: 'b' },
  }
  await expect(openRunFolder(root, other)).rejects.toThrow(
    `${root}: the folder holds another run:
  seed was 1, and is 2 now
  precision was "float32", and is "bf16" now
  data.sha256 was "a", and is "b" now
 Give the same recipe and data, name another folder with --out, or start anew with --fresh.`,
  )
})

it('puts an earlier run aside when it is to begin anew, and removes nothing', async () => {
  const directory = join(root, 'run')
  for (const aside of [undefined, `${directory}.1`, `${directory}.2`]) {
    expect(await openRunFolder(directory, identity, true)).toEqual(
      aside ? { resumes: false, aside } : { resumes: false },
    )
    begin(directory)
    if (aside) expect(existsSync(join(aside, 'run.json'))).toBe(true)
  }
})
