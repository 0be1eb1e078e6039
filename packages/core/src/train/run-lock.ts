import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { TrainingError } from '../errors'

export const LOCK_FILE = 'run.lock'

/** Who holds a run's folder. */
interface Holder {
  readonly token: string
  readonly pid: number
  /** The thread of that process. */
  readonly thread: number
  readonly host: string
  /** What tells this process from a later one of the same number; empty where the system does not say. */
  readonly birth: string
  readonly since: string
}

/** Tokens of the locks that this thread holds, or is about to. */
const held = new Set<string>()

/** When a process was started, as Linux counts, and in which session of the machine. */
const birthOf = (pid: number): string => {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    // The name of the program stands in brackets and may hold anything; the start is the 20th field after it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
    return `${boot}:${fields[19]}`
  } catch {
    return ''
  }
}

const isRunning = (pid: number): boolean => {
  // 0 and below would mean groups of processes.
  if (pid < 1) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

const isAlive = (holder: Holder): boolean => {
  // Another machine's processes cannot be seen from here.
  if (holder.host !== hostname()) return true
  if (holder.pid === process.pid && holder.thread === threadId) return held.has(holder.token)
  if (!isRunning(holder.pid)) return false
  const birth = birthOf(holder.pid)
  return birth === '' || holder.birth === '' || birth === holder.birth
}

const readHolder = async (file: string): Promise<Holder | undefined> => {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  try {
    const holder = JSON.parse(text) as Holder | null
    if (typeof holder?.token === 'string' && Number.isSafeInteger(holder.pid)) return holder
  } catch {
    // Not a lock that this code has written: nobody's.
  }
  return { token: '', pid: 0, thread: 0, host: hostname(), birth: '', since: '' }
}

/** Keeps a second process out of a run's folder. A lock whose process has ended is taken over. */
export class RunLock {
  private constructor(
    private readonly file: string,
    private readonly token: string,
  ) {}

  /**
   * Takes the folder, which must exist.
   *
   * @throws TrainingError when a running process holds it, saying which.
   */
  static async take(directory: string): Promise<RunLock> {
    const file = join(directory, LOCK_FILE)
    const token = randomUUID()
    const holder: Holder = {
      token,
      pid: process.pid,
      thread: threadId,
      host: hostname(),
      birth: birthOf(process.pid),
      since: new Date().toISOString(),
    }
    const own = join(directory, `.${LOCK_FILE}.${token}`)
    await writeFile(own, `${JSON.stringify(holder)}\n`)
    // Before the lock can be seen: another call of this thread may read it before this one goes on.
    held.add(token)
    try {
      await claim(file, own, directory)
      return new RunLock(file, token)
    } catch (error) {
      held.delete(token)
      throw error
    } finally {
      await rm(own, { force: true })
    }
  }

  async release(): Promise<void> {
    held.delete(this.token)
    if ((await readHolder(this.file))?.token === this.token) await rm(this.file, { force: true })
  }
}

/**
 * Puts a link to `own` in a lock's place.
 *
 * A dead process's lock is replaced by whoever holds the gate that is named after it, and nobody else; the gate is a lock itself. Who gets
 * through a gate late finds another lock than the dead one, and leaves it alone.
 */
const claim = async (file: string, own: string, directory: string): Promise<void> => {
  for (;;) {
    // A link appears whole, and only where there is nothing yet.
    const isTaken = await link(own, file).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false
        throw error
      },
    )
    if (isTaken) return
    const other = await readHolder(file)
    if (other === undefined) continue
    if (isAlive(other)) throw busy(directory, file, other)
    const gate = `${file}.${other.token.slice(0, 8)}`
    await claim(gate, own, directory)
    try {
      if ((await readHolder(file))?.token === other.token) {
        const replacement = `${own}.${randomUUID()}`
        await link(own, replacement)
        await rename(replacement, file)
        return
      }
    } finally {
      await rm(gate, { force: true })
    }
  }
}

const busy = (directory: string, file: string, { pid, host, since }: Holder): TrainingError => {
  const where = host === hostname() ? '' : ` on ${host}`
  return new TrainingError(`process ${pid}${where} has been running in this folder since ${since}.`, {
    file: directory,
    field: 'runDirectory',
    cure:
      host === hostname()
        ? 'Wait for it, end it, or take another folder.'
        : `If that process is gone, remove ${file}; or take another folder.`,
  })
}
