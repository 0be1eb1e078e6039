import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TrainingError } from '../errors'
import { METRICS_FILE, type MetricsRecord, RunLog, readRunLog } from './run-log'

describe('RunLog', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'babble-log-'))
  })
  afterEach(() => rm(directory, { recursive: true }))
  const record = (step: number, loss = 1 / 3): MetricsRecord => ({
    kind: 'train',
    step,
    epoch: 0,
    seconds: 1,
    metrics: { loss },
  })
  const file = () => join(directory, METRICS_FILE)

  it('writes one record a line and reads them back, numbers that are not finite as NaN', () => {
    const log = new RunLog(directory)
    log.append(record(1))
    log.append(record(2, Number.POSITIVE_INFINITY))
    log.append({ kind: 'warning', monitor: 'm', step: 2, message: 'look' })
    expect(readFileSync(file(), 'utf8').split('\n')).toHaveLength(4)
    expect(readRunLog(directory)).toEqual([
      record(1),
      record(2, Number.NaN),
      { kind: 'warning', monitor: 'm', step: 2, message: 'look' },
    ])
  })

  it('on resume drops what is after the step, and a line that was cut short', async () => {
    const first = new RunLog(directory)
    for (const step of [5, 10, 15]) first.append(record(step))
    appendFileSync(file(), '{"kind":"train","st')
    const second = new RunLog(directory)
    await second.resumeAt(10)
    second.append(record(15, 0.5))
    expect(readRunLog(directory)).toEqual([record(5), record(10), record(15, 0.5)])
    expect(second.records).toEqual(readRunLog(directory))
    expect(readdirSync(directory)).toEqual([METRICS_FILE])
  })

  it('on resume drops records of the same step that came after the checkpoint', async () => {
    const first = new RunLog(directory)
    for (const step of [5, 10, 10]) first.append(record(step))
    const second = new RunLog(directory)
    await second.resumeAt(10, 2)
    expect(second.records).toEqual([record(5), record(10)])
  })

  it('refuses a line in the middle that is no record', () => {
    writeFileSync(file(), `${JSON.stringify(record(1))}\nnonsense\n${JSON.stringify(record(2))}\n`)
    expect(() => readRunLog(directory)).toThrow(TrainingError)
    expect(() => readRunLog(directory)).toThrow(/line 2/)
  })

  it('adds to what run.json says when a run is resumed, and begins anew otherwise', async () => {
    await new RunLog(directory).describe({ seed: 1, status: 'running' })
    const resumed = new RunLog(directory)
    await resumed.resumeAt(3)
    await resumed.describe({ status: 'completed' })
    const read = () => JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8')) as unknown
    expect(read()).toEqual({ seed: 1, status: 'completed' })
    const anew = new RunLog(directory)
    await anew.resumeAt(0)
    await anew.describe({ seed: 2 })
    expect(read()).toEqual({ seed: 2 })
  })

  it('keeps records in memory where there is no directory', async () => {
    const log = new RunLog(undefined)
    log.append(record(1))
    await log.describe({ seed: 1 })
    log.flush()
    expect(log.records).toEqual([record(1)])
  })
})
