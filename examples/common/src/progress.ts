import { formatDuration, type ProgressStream } from '@babble/core'

const bar = (share: number) => `[${'#'.repeat(Math.round(20 * share)).padEnd(20, '.')}]`

/**
 * Shows tasks that are counted (files, clips): a bar drawn in place on a terminal, a line at the end of each task elsewhere.
 */
export const taskProgress = (stream: ProgressStream = process.stderr, now: () => number = () => performance.now()) => {
  let task: { activity: string; startedAt: number; shownAt: number } | undefined
  return (activity: string, done: number, total: number): void => {
    if (task?.activity !== activity) task = { activity, startedAt: now(), shownAt: Number.NEGATIVE_INFINITY }
    const finished = done >= total
    const seconds = (now() - task.startedAt) / 1000
    if (stream.isTTY && (finished || now() - task.shownAt > 100)) {
      task.shownAt = now()
      const left = done > 0 && !finished ? ` | ETA ${formatDuration((seconds / done) * (total - done))}` : ''
      stream.write(`\r\u001b[2K${bar(done / total)} ${activity} ${done}/${total}${left}`)
    }
    if (finished) {
      stream.write(stream.isTTY ? '\n' : `${activity}: ${total} in ${seconds.toFixed(1)} s\n`)
      task = undefined
    }
  }
}
