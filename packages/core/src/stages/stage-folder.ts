import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { writeFileAtomic } from '../checkpoint/index'
import { ConfigError, DataError } from '../errors'
import { RECORD_FILE, readRecord, readStart, START_FILE, type StageRecord, type StageStart } from './stage-record'

export const SUMMARY_FILE = 'summary.json'
const leftover = /^\.([a-z0-9-]+\.[0-9a-f]{12}\.discarded|(stage|stage-begun|summary)\.json\..+\.partial)$/
const aside = /^aside-\d+$/
const stageName = /^[a-z0-9]+(-[a-z0-9]+)*$/

/** @throws ConfigError for a name that cannot be a stage's folder. */
export const checkStageName = (name: string): void => {
  if (stageName.test(name) && name.length <= 100 && !aside.test(name)) return
  throw new ConfigError(`"${name}" cannot be the name of a stage.`, {
    field: 'name',
    cure: 'Use lower-case letters, digits and single hyphens; "aside-1" and its like are taken.',
  })
}

/** What is known of a stage's folder. */
export interface FoundStage {
  readonly name: string
  readonly record?: StageRecord
  readonly start?: StageStart
}

/** Names of the folders in a run's folder that are stages', complete or begun. */
export const stageFolders = async (directory: string): Promise<string[]> => {
  const entries = await readdir(directory, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory() && stageName.test(entry.name) && !aside.test(entry.name))
    .map(({ name }) => name)
    .filter((name) => [RECORD_FILE, START_FILE].some((file) => existsSync(join(directory, name, file))))
    .sort()
}

/** What is known of the stages in a run's folder; the first finished come first. */
export const findStages = async (directory: string): Promise<FoundStage[]> => {
  const found: FoundStage[] = []
  for (const name of await stageFolders(directory)) {
    const folder = join(directory, name)
    const record = await readRecord(folder)
    const start = record ? undefined : await readStart(folder)
    found.push({ name, ...(record && { record }), ...(start && { start }) })
  }
  const order = ({ record }: FoundStage) => record?.finishedAt ?? '~'
  return found.sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0))
}

/** A stage and all that read what it made, directly or not. @throws ConfigError where there is none of that name. */
export const withReaders = (stages: readonly FoundStage[], name: string): string[] => {
  if (!stages.some((stage) => stage.name === name)) {
    const there = stages.map((stage) => stage.name)
    throw new ConfigError(`no stage "${name}" has been done here.`, {
      field: 'from',
      cure: there.length > 0 ? `There are ${there.join(', ')}.` : 'Leave "from" out: all stages are done.',
    })
  }
  const chosen = new Set([name])
  for (let before = 0; before < chosen.size; ) {
    before = chosen.size
    for (const { name: reader, record, start } of stages) {
      const reads = Object.keys((record ?? start)?.reads ?? {})
      if (reads.some((read) => chosen.has(read))) chosen.add(reader)
    }
  }
  return stages.map((stage) => stage.name).filter((stage) => chosen.has(stage))
}

/**
 * Moves entries of a run's folder into a new folder `aside-N` in it, the last first: a stage that others read is there until they are gone, so
 * that what was cut off can be asked for again.
 *
 * @returns that folder, if there was something to move.
 */
export const putAside = async (directory: string, names: readonly string[]): Promise<string | undefined> => {
  if (names.length === 0) return undefined
  const taken = new Set(await readdir(directory))
  let number = 1
  while (taken.has(`aside-${number}`)) number++
  const folder = join(directory, `aside-${number}`)
  await mkdir(folder)
  for (const name of [...names].reverse()) await rename(join(directory, name), join(folder, name))
  return folder
}

const hiddenName = (directory: string, name: string): string =>
  join(directory, `.${name}.${randomBytes(6).toString('hex')}.discarded`)

/** Makes a stage's folder, which appears with what `fill` writes into it. */
export const makeStageFolder = async (
  directory: string,
  name: string,
  fill: (folder: string) => Promise<void>,
): Promise<void> => {
  const hidden = hiddenName(directory, name)
  await mkdir(hidden)
  await fill(hidden)
  await rename(hidden, join(directory, name))
}

/**
 * Removes a stage's folder. It is renamed first: a folder of which a part was removed must not be taken for one that no stage has made.
 */
export const discard = async (directory: string, name: string): Promise<void> => {
  const hidden = hiddenName(directory, name)
  await rename(join(directory, name), hidden)
  await rm(hidden, { recursive: true, force: true })
}

/** Removes from a folder what a process left that died while it wrote one of our files, or made or removed a stage's folder. */
export const removeLeftovers = async (directory: string): Promise<void> => {
  for (const name of await readdir(directory)) {
    if (leftover.test(name)) await rm(join(directory, name), { recursive: true, force: true })
  }
}

/** Makes a stage's files durable, and lists their sizes by name. */
export const sealFiles = async (directory: string): Promise<Record<string, number>> => {
  const files: Record<string, number> = {}
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = relative(directory, path).split(sep).join('/')
    if (!entry.isFile() || name === START_FILE || name === RECORD_FILE) continue
    const handle = await open(path, process.platform === 'win32' ? 'r+' : 'r')
    try {
      await handle.sync()
      files[name] = (await handle.stat()).size
    } finally {
      await handle.close()
    }
  }
  return Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The path of what a stage made. @throws DataError when it is gone or has changed in size. */
export const stageFile = (directory: string, { name: stage, files }: StageRecord, name: string): string => {
  const wanted = name.replace(/\/$/, '')
  const parts = Object.entries(files).filter(([file]) => file === wanted || file.startsWith(`${wanted}/`))
  if (parts.length === 0) {
    throw new ConfigError(`the stage "${stage}" has made no "${name}".`, { file: directory, field: name })
  }
  const cure = `Do it again with --from ${stage} (from: '${stage}').`
  for (const [file, bytes] of parts) {
    const found = statSync(join(directory, file), { throwIfNoEntry: false })
    if (!found?.isFile()) {
      throw new DataError(`the stage "${stage}" had made this file, and it is gone.`, {
        file: join(directory, file),
        cure,
      })
    }
    if (found.size === bytes) continue
    throw new DataError(`the stage "${stage}" left this file with ${bytes} bytes; it has ${found.size} now.`, {
      file: join(directory, file),
      cure,
    })
  }
  return resolve(directory, wanted)
}

export const writeSummary = (directory: string, summary: unknown): Promise<void> =>
  writeFileAtomic(join(directory, SUMMARY_FILE), `${JSON.stringify(summary, null, 2)}\n`)
