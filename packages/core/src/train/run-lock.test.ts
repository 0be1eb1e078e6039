import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TrainingError } from '../errors'
import { LOCK_FILE, RunLock } from './run-lock'

describe('RunLock', () => {
  let directory: string
  const children: ChildProcess[] = []
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'babble-lock-'))
  })
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await rm(directory, { recursive: true })
  })
  const lock = () => JSON.parse(readFileSync(join(directory, LOCK_FILE), 'utf8')) as Record<string, unknown>
  const leave = (changes: Record<string, unknown>) =>
    writeFileSync(
      join(directory, LOCK_FILE),
      JSON.stringify({ token: 'other', pid: 1, host: hostname(), birth: '', since: 'yesterday', ...changes }),
    )
  const child = () => {
    const running = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'])
    children.push(running)
    return running
  }

  it('keeps others out until it is released, and leaves nothing behind', async () => {
    const first = await RunLock.take(directory)
    expect(lock().pid).toBe(process.pid)
    await expect(RunLock.take(directory)).rejects.toThrow(TrainingError)
    await expect(RunLock.take(directory)).rejects.toThrow(/process \d+ has been running in this folder/)
    await first.release()
    expect(readdirSync(directory)).toEqual([])
    await (await RunLock.take(directory)).release()
  })

  it('lets one of many in', async () => {
    leave({ pid: 2 ** 22 + 5 })
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => RunLock.take(directory)))
    const taken = tries.filter(({ status }) => status === 'fulfilled')
    expect(taken).toHaveLength(1)
    expect(readdirSync(directory)).toEqual([LOCK_FILE])
  })

  it('respects a running process, and takes over when it is dead', async () => {
    const running = child()
    leave({ pid: running.pid })
    await expect(RunLock.take(directory)).rejects.toThrow(`process ${running.pid}`)
    const closed = new Promise((resolve) => running.on('close', resolve))
    running.kill('SIGKILL')
    await closed
    await (await RunLock.take(directory)).release()
  })

  it.skipIf(process.platform !== 'linux')(
    'tells a later process of the same number from the one that held it',
    async () => {
      leave({ pid: child().pid, birth: 'another-boot:123' })
      await (await RunLock.take(directory)).release()
      leave({ pid: process.pid, birth: 'another-boot:123' })
      await (await RunLock.take(directory)).release()
    },
  )

  it('cannot see the processes of another machine, and says what to do', async () => {
    leave({ host: 'elsewhere' })
    await expect(RunLock.take(directory)).rejects.toThrow(/on elsewhere.*remove .*run\.lock/s)
  })

  it('takes what is no lock for nobody’s', async () => {
    for (const text of ['', '{"pid":', '{}', 'null']) {
      writeFileSync(join(directory, LOCK_FILE), text)
      await (await RunLock.take(directory)).release()
    }
  })
})
