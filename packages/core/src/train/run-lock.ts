import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { TrainingError } from '../errors'

export const LOCK_FILE = 'run.lock'

/** Who holds a run's folder. */
interface Holder {
  readonly token: string
  readonly pid: number
  readonly host: string
  /** What tells this process from a later one of the same number; empty where the system does not say. */
  readonly birth: string
  readonly since: string
}

/** Tokens of the locks that this process holds. */
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
  if (holder.pid === process.pid) return held.has(holder.token)
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
  return { token: '', pid: 0, host: hostname(), birth: '', since: '' }
}

/** Keeps a second trainer out of a run's folder. A lock whose process has ended is taken over. */
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
      host: hostname(),
      birth: birthOf(process.pid),
      since: new Date().toISOString(),
    }
    const own = join(directory, `.${LOCK_FILE}.${token}`)
    await writeFile(own, `${JSON.stringify(holder)}\n`)
    try {
      for (;;) {
        // A link appears whole, and only where there is no lock yet.
        const taken = await link(own, file).then(
          () => true,
          (error: NodeJS.ErrnoException) => {
            if (error.code === 'EEXIST') return false
            throw error
          },
        )
        if (taken) {
          held.add(token)
          return new RunLock(file, token)
        }
        const other = await readHolder(file)
        if (other === undefined) continue
        if (isAlive(other)) throw busy(directory, file, other)
        await removeStale(file, other, token)
      }
    } finally {
      await rm(own, { force: true })
    }
  }

  async release(): Promise<void> {
    held.delete(this.token)
    if ((await readHolder(this.file))?.token === this.token) await rm(this.file, { force: true })
  }
}

/** Removes a dead process's lock, but not one that somebody else has put in its place meanwhile. */
const removeStale = async (file: string, stale: Holder, token: string): Promise<void> => {
  const aside = `${file}.${token}.stale`
  try {
    await rename(file, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if ((await readHolder(aside))?.token !== stale.token) await link(aside, file).catch(() => {})
  await rm(aside, { force: true })
}

const busy = (directory: string, file: string, { pid, host, since }: Holder): TrainingError => {
  const where = host === hostname() ? '' : ` on ${host}`
  return new TrainingError(`process ${pid}${where} has been training in this folder since ${since}.`, {
    file: directory,
    field: 'runDirectory',
    cure:
      host === hostname()
        ? 'Wait for it, end it, or take another folder.'
        : `If that process is gone, remove ${file}; or take another folder.`,
  })
}
