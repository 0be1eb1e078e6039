import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { toyRecipe } from './toy-recipe.fixture'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'babble-killed-'))
  await build({
    config: false,
    entry: { run: fileURLToPath(new URL('./killed-recipe.fixture.ts', import.meta.url)) },
    outDir: root,
    format: 'esm',
    outExtension: () => ({ js: '.mjs' }),
    target: 'node22',
    noExternal: [/.*/],
    silent: true,
  })
})
afterAll(() => rm(root, { recursive: true }))

const names = ['features', 'labels', 'training']
/** A run's files and what is in them, apart from what times are in. */
const content = (directory: string) =>
  Object.fromEntries(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((path) => [path.slice(directory.length + 1), path.endsWith('.json') ? '' : readFileSync(path, 'utf8')])
      .sort(),
  )

it('leaves nothing that is taken for complete, wherever a process is killed, and the next goes on', async () => {
  const steps: string[] = []
  const uninterrupted = join(root, 'uninterrupted')
  const expected = await toyRecipe(uninterrupted, (name) => steps.push(name))
  expect(steps).toHaveLength(8)
  const whole = content(uninterrupted)
  /** For how many points each stage was complete, and how many training was found half done at. */
  const seen: Record<string, number> = { features: 0, training: 0, labels: 0, half: 0 }
  let point = 1
  for (; ; point++) {
    const directory = join(root, `killed-${point}`)
    const { status, signal, stderr } = spawnSync(process.execPath, [join(root, 'run.mjs'), directory, String(point)], {
      encoding: 'utf8',
    })
    if (status === 0) break
    expect([signal, stderr]).toEqual(['SIGKILL', ''])
    const complete = names.filter((name) => existsSync(join(directory, name, 'stage.json')))
    const left = existsSync(directory) ? content(directory) : {}
    for (const name of complete) {
      seen[name]!++
      for (const [file, text] of Object.entries(whole)) {
        if (file.startsWith(`${name}/`)) expect(left[file]).toBe(text)
      }
    }
    const trained = Object.keys(left).filter((file) => file.startsWith('training/step')).length
    if (trained > 0 && trained < 4) seen.half!++
    const again: string[] = []
    expect(await toyRecipe(directory, (name) => again.push(name))).toEqual(expected)
    const wanted = steps.filter((step) => {
      const name = step.split(' ')[0]!
      if (complete.includes(name)) return false
      return name !== 'training' || left[`training/step-${step.split(' ')[1]}`] === undefined
    })
    expect(again).toEqual(wanted)
    expect(content(directory)).toEqual(whole)
  }
  expect(point).toBeGreaterThan(20)
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(1)
})
