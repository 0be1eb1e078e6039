import { readFile, stat } from 'node:fs/promises'
import { absent, codeOf } from './file-errors'

/** Whether the process that a leftover names may still be at work on it. */
export async function mayBeWriting(pid: number, leftover: string): Promise<boolean> {
  // Of this process, only the names in `live` are in use.
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false
  }
  // Numbers are given again, soon after a restart of a container: a process that is younger than what it left did not write it.
  const started = await startTime(pid)
  const changed = (await stat(leftover).catch(absent))?.mtimeMs
  return started === undefined || changed === undefined || started <= changed + 2000
}

/** Whether nothing was moved into or out of a directory of late: what its owner does with it takes a moment. */
export async function isStill(path: string): Promise<boolean> {
  const found = await stat(path).catch(absent)
  return found !== undefined && Math.max(found.mtimeMs, found.ctimeMs) < Date.now() - 60_000
}

/** When a process began, in milliseconds since 1970; undefined where /proc does not say. */
async function startTime(pid: number): Promise<number | undefined> {
  try {
    const [uptime, status] = await Promise.all(
      ['/proc/uptime', `/proc/${pid}/stat`].map((file) => readFile(file, 'utf8')),
    )
    // The second field, in brackets, is the program's name and may hold anything.
    const ticks = Number(status!.slice(status!.lastIndexOf(')') + 2).split(' ')[19])
    const age = Number.parseFloat(uptime!) - ticks / 100
    return Number.isFinite(age) ? Date.now() - 1000 * age : undefined
  } catch {
    return undefined
  }
}
