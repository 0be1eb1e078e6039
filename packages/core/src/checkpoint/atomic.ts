import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { CheckpointError } from '../errors'
import { absent, codeOf, writeError } from './file-errors'
import { isStill, mayBeWriting } from './leftover'

/** Name of the file that a directory written by {@link writeDirectoryAtomic} ends with. */
const commitMarker = 'COMMIT'

/** Names that this process is writing under now, so that they are not mistaken for what a dead process left. */
const live = new Set<string>()
const host = hostname().replace(/[^A-Za-z0-9-]/g, '_')

/** `.name.HOST.PID.RANDOM.role`, beside the target: same file system, hidden, and telling whose it is. */
function siblingName(target: string, role: 'partial' | 'previous' | 'claimed'): string {
  const name = `.${basename(target)}.${host}.${process.pid}.${randomBytes(6).toString('hex')}.${role}`
  return join(dirname(target), name)
}

function siblingPattern(target: string): RegExp {
  const name = basename(target).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^\\.${name}\\.([A-Za-z0-9_-]*)\\.(\\d+)\\.[0-9a-f]{12}\\.(partial|previous|claimed)$`)
}

/**
 * Writes a file so that, whatever happens, `path` holds the old content or the whole new one: a temporary file in the same
 * folder is written, flushed to the disk and renamed over the old one, and the folder is flushed. Missing folders are made.
 *
 * @param data the content, or a function that writes it to an open file.
 * @throws CheckpointError if it cannot be written; what a given function throws passes through unchanged.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array | ((handle: FileHandle) => Promise<void>),
): Promise<void> {
  const target = await realTarget(path)
  const temporary = siblingName(target, 'partial')
  live.add(temporary)
  try {
    await makeFolder(dirname(target))
    const handle = await open(temporary, 'wx')
    try {
      if (typeof data === 'function') await data(handle)
      else await handle.writeFile(data)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, target)
    await syncFolder(dirname(target))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw writeError(path, error)
  } finally {
    live.delete(temporary)
  }
}

/**
 * Replaces a directory so that, whatever happens, either the old one or the whole new one is left: `fill` writes into a
 * temporary directory beside it, every file and folder in it is flushed to the disk, a `COMMIT` file is written last, and
 * the directory takes its place by renaming. If the process dies between taking the old directory away and putting the
 * new one in its place, {@link recoverDirectory} (called here and by Babble's readers) finishes the job.
 *
 * What the old directory held and `fill` does not write again is gone: use it for directories of your own.
 *
 * @throws CheckpointError if it cannot be written; what `fill` throws passes through unchanged, and the old directory stays.
 */
export async function writeDirectoryAtomic(
  dir: string,
  fill: (temporaryDirectory: string) => Promise<void>,
): Promise<void> {
  const target = await realTarget(dir)
  const temporary = siblingName(target, 'partial')
  const previous = siblingName(target, 'previous')
  live.add(temporary).add(previous)
  try {
    await makeFolder(dirname(target))
    await recoverDirectory(target)
    await mkdir(temporary)
    await fill(temporary)
    await syncTree(temporary)
    await writeFileAtomic(join(temporary, commitMarker), `${new Date().toISOString()}\n`)
    await replaceDirectory(temporary, target, previous)
    await syncFolder(dirname(target))
    await rm(previous, { recursive: true, force: true })
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined)
    throw writeError(dir, error)
  } finally {
    live.delete(temporary)
    live.delete(previous)
  }
}

async function replaceDirectory(temporary: string, target: string, previous: string): Promise<void> {
  const existing = await stat(target).catch(absent)
  if (existing !== undefined && !existing.isDirectory()) {
    throw new CheckpointError('There is a file of this name.', { file: target, cure: 'Choose another directory.' })
  }
  if (existing !== undefined) await rename(target, previous)
  try {
    await rename(temporary, target)
  } catch (error) {
    if (existing !== undefined) await rename(previous, target)
    throw error
  }
}

/** Whether `dir` is a directory that {@link writeDirectoryAtomic} finished. */
export async function isCompleteDirectory(dir: string): Promise<boolean> {
  return (await stat(join(dir, commitMarker)).catch(absent))?.isFile() ?? false
}

/**
 * Takes `dir` away from its place and hands it to `use`, which is to empty it; then it is removed. Of all who try, in this process or
 * another, one alone gets it; for the others, and where there is no `dir`, nothing happens. If `use` throws, or the process dies and
 * {@link recoverDirectory} is called, `dir` is in its place again.
 */
export async function claimDirectory(dir: string, use: (claimed: string) => Promise<void>): Promise<void> {
  const target = await realTarget(dir)
  const claimed = siblingName(target, 'claimed')
  live.add(claimed)
  try {
    if (!(await rename(target, claimed).then(() => true, absent))) return
    try {
      await use(claimed)
      await rm(claimed, { recursive: true, force: true })
    } catch (error) {
      await rename(claimed, target).catch(() => undefined)
      throw error
    }
  } finally {
    live.delete(claimed)
  }
}

/**
 * Tidies up after a process of this machine that died while replacing `dir`: if `dir` is missing, the finished new
 * directory, or else the old one, is put in its place; what else was left is removed. Directories of processes that are
 * still running are not touched. What another machine had claimed is put back once it has not changed for a minute.
 */
export async function recoverDirectory(dir: string): Promise<void> {
  const target = await realTarget(dir)
  const folder = dirname(target)
  const pattern = siblingPattern(target)
  const left: { path: string; role: string }[] = []
  for (const name of (await readdir(folder).catch(absent)) ?? []) {
    const match = pattern.exec(name)
    const path = join(folder, name)
    if (match === null || live.has(path)) continue
    const [, writer, pid, role] = match as unknown as [string, string, string, string]
    const isLeft =
      writer === host ? !(await mayBeWriting(Number(pid), path)) : role === 'claimed' && (await isStill(path))
    if (isLeft) left.push({ path, role })
  }
  if (left.length === 0) return
  if ((await stat(target).catch(absent)) === undefined) {
    const previous = left.find(({ role }) => role === 'previous')
    let successor = previous ?? left.find(({ role }) => role === 'claimed')
    // A partial directory may take the place only if an old one was being moved away for it.
    for (const one of left)
      if (previous !== undefined && one.role === 'partial' && (await isCompleteDirectory(one.path))) successor = one
    if (successor !== undefined) {
      // Another reader may have been faster.
      await rename(successor.path, target).catch(absent)
      await syncFolder(folder)
      left.splice(left.indexOf(successor), 1)
    }
  }
  for (const { path } of left) await rm(path, { recursive: true, force: true })
}

/** The place that a path means once symbolic links are followed, so that a link stays a link. */
async function realTarget(path: string): Promise<string> {
  return (await realpath(path).catch(absent)) ?? resolve(path)
}

/** Flushes a directory, everything in it, and itself. */
async function syncTree(dir: string): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) await syncTree(path)
    else if (entry.isFile()) await syncPath(path)
  }
  await syncFolder(dir)
}

/** Makes a folder and those above it that are missing, and makes them durable. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  // The name of each new folder is in the one above it.
  for (let at = folder; ; at = dirname(at)) {
    await syncFolder(dirname(at))
    if (at === first || dirname(at) === at) return
  }
}

/** Makes renames and new names in a folder durable. Windows has no such call and needs none; some network file systems refuse it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  await syncPath(folder).catch((error: unknown) => {
    const code = codeOf(error)
    if (code !== 'EINVAL' && code !== 'ENOTSUP') throw error
  })
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, process.platform === 'win32' ? 'r+' : 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
