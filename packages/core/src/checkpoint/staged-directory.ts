import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { claimDirectory, isCompleteDirectory, recoverDirectory, writeDirectoryAtomic } from './atomic'
import { readShardIndex } from './shard-index'
import { indexFile, shardPattern, weightsFile } from './sharded-writer'

/** Where a model waits, whole, for its files to be moved into the directory around it. */
const staging = '.babble-new-model'
/** What readers begin with; moved last, so that until then there is no model rather than half of one. */
const entryPoints = [weightsFile, indexFile]

/**
 * Replaces the model of a directory that also holds other files: the new one is written whole into a hidden folder in it, and then its
 * files are moved to their places. If the process dies while they are moved, {@link finishStaged} moves the rest.
 */
export async function writeStaged(dir: string, fill: (temporaryDirectory: string) => Promise<void>): Promise<void> {
  await finishStaged(dir)
  await writeDirectoryAtomic(join(dir, staging), fill)
  await finishStaged(dir)
}

/**
 * Finishes what a process that died in {@link writeStaged} had begun; does nothing if there is nothing, or another process is at it: two
 * of them could take one's new files for the old ones.
 */
export async function finishStaged(dir: string): Promise<void> {
  const staged = join(dir, staging)
  await recoverDirectory(staged)
  if (await isCompleteDirectory(staged)) await claimDirectory(staged, (claimed) => moveModel(claimed, dir))
}

async function moveModel(from: string, dir: string): Promise<void> {
  const rank = (name: string) => (entryPoints.includes(name) ? 1 : 0)
  const names = (await readdir(from)).filter((name) => name !== 'COMMIT').sort((a, b) => rank(a) - rank(b))
  if (names.some((name) => entryPoints.includes(name))) {
    // While an entry point waits, those of the old model must not be seen with the new files. Old shards have no use any more.
    for (const name of entryPoints) await rm(join(dir, name), { force: true })
    const shards = names.includes(indexFile) ? await readShardIndex(join(from, indexFile), '.safetensors') : new Map()
    const old = (await readdir(dir)).filter((name) => shardPattern.test(name) && !shards.has(name))
    for (const name of old) await rm(join(dir, name), { force: true })
  }
  for (const name of names) await rename(join(from, name), join(dir, name))
}
