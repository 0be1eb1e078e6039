import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigError, DataError, TrainingError } from '../errors'
import type { FinishedStage, Stage, StageContext } from './stage'
import { type OpenStagesOptions, openStages, readStages } from './stages'
import { stageTable } from './summary'

let root: string
let directory: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'babble-stages-'))
  directory = join(root, 'run')
})
afterEach(() => rm(root, { recursive: true }))

/** What was done, and what was said, of a recipe of three stages: features, clusters of them, and a figure about the clusters. */
interface Told {
  readonly work: string[]
  readonly notes: string[]
}
interface Recipe {
  readonly dim?: number
  readonly clusters?: number
  readonly options?: OpenStagesOptions
  /** Called within the work of each stage. */
  readonly during?: (name: string, context: StageContext) => void
}

const run = async ({ dim = 39, clusters = 100, options = {}, during }: Recipe = {}) => {
  const told: Told = { work: [], notes: [] }
  const listener = { note: (text: string) => told.notes.push(text), progress: () => {} }
  await using stages = await openStages(directory, { listener, ...options })
  const stage = <Result extends object>(
    { run: work, ...rest }: Stage<Result>,
    ...reads: FinishedStage<object>[]
  ): Promise<FinishedStage<Result>> =>
    stages.stage({
      ...rest,
      reads,
      run: (context) => {
        told.work.push(rest.name)
        during?.(rest.name, context)
        return work(context)
      },
    })
  const features = await stage({
    name: 'features',
    title: 'MFCC',
    inputs: { dim, corpus: { sha256: 'abc' } },
    run: async ({ directory: folder }) => {
      writeFileSync(join(folder, 'train.npy'), 'x'.repeat(dim))
      return { frames: 1000, dim, file: 'train.npy' }
    },
  })
  const codebook = await stage(
    {
      name: 'clusters',
      inputs: { clusters, options: { seed: 1 } },
      run: async ({ directory: folder }) => {
        const values = readFileSync(features.file(features.result.file), 'utf8').length
        writeFileSync(join(folder, 'codebook'), 'c'.repeat(clusters))
        return { inertia: values / 7, clusters }
      },
    },
    features,
  )
  const other = await stage({ name: 'reference', inputs: {}, run: async () => ({ units: 40 }) })
  const quality = await stage(
    { name: 'quality', inputs: {}, run: async () => ({ purity: codebook.result.clusters / 1000 }) },
    codebook,
    other,
  )
  return { ...told, features, codebook, quality, summary: await stages.summary() }
}
const everything = ['features', 'clusters', 'reference', 'quality']

describe('stages', () => {
  it('are done once: a later process finds them, with their results and files', async () => {
    const first = await run()
    expect(first.work).toEqual(everything)
    expect(first.notes[0]).toBe('MFCC: begins (features).')
    const second = await run()
    expect(second.work).toEqual([])
    expect(second.notes[0]).toBe('MFCC: done before, in 0:00 (features).')
    expect(second.features.reused).toBe(true)
    expect(second.features.result).toEqual({ frames: 1000, dim: 39, file: 'train.npy' })
    expect(second.codebook.id).toBe(first.codebook.id)
    expect(readFileSync(second.codebook.file('codebook'), 'utf8')).toHaveLength(100)
    expect(second.quality.result).toEqual({ purity: 0.1 })
  })

  it('leave a folder each and a summary, and can be moved', async () => {
    await run()
    expect(readdirSync(directory).sort()).toEqual([...everything, 'summary.json'].sort())
    expect(readdirSync(join(directory, 'clusters')).sort()).toEqual(['codebook', 'stage.json'])
    renameSync(directory, join(root, 'elsewhere'))
    directory = join(root, 'elsewhere')
    const moved = await run()
    expect(moved.work).toEqual([])
    expect(moved.features.file('train.npy')).toBe(join(root, 'elsewhere', 'features', 'train.npy'))
  })

  it('with other inputs are refused, with what differs; the order of keys is no difference', async () => {
    await run()
    const refused = run({ dim: 13, clusters: 50 })
    await expect(refused).rejects.toThrow(ConfigError)
    await expect(refused).rejects.toThrow(
      `${join(directory, 'features')}: the stage was done with other inputs:
  dim was 39, and is 13 now
 Give the same, take another folder, do this stage and what follows from it again with --from features (from: 'features'), or all with --fresh (fresh: true); what there is, is put aside.`,
    )
    await using stages = await openStages(directory)
    const features = await stages.stage({
      name: 'features',
      inputs: { corpus: { sha256: 'abc' }, dim: 39, left: undefined },
      run: () => Promise.reject(new Error('it was done')),
    })
    expect(features.reused).toBe(true)
    const work = async () => ({})
    const clusters = { name: 'clusters', inputs: { clusters: 100, options: { seed: 2 } }, run: work }
    await expect(stages.stage({ ...clusters, reads: [] })).rejects.toThrow(
      '\n  options.seed was 1, and is 2 now\n  it read the stage "features", and does not now\n',
    )
    await expect(
      stages.stage({ name: 'reference', inputs: { rate: 50 }, reads: [features], run: work }),
    ).rejects.toThrow('\n  rate was not there, and is 50 now\n  it did not read the stage "features", and does now\n')
    expect(existsSync(join(directory, 'clusters', 'codebook'))).toBe(true)
  })

  it('that read what has been made again are not taken for good', async () => {
    await run()
    rmSync(join(directory, 'features'), { recursive: true })
    await expect(run()).rejects.toThrow(
      `${join(directory, 'clusters')}: the stage was done with other inputs:\n  the stage "features", which it reads, has been done again since\n`,
    )
  })

  it('are done again from one on: what follows from it too, nothing else; the old is put aside', async () => {
    await run()
    const again = await run({ clusters: 50, options: { from: 'clusters' } })
    expect(again.work).toEqual(['clusters', 'quality'])
    expect(again.quality.result).toEqual({ purity: 0.05 })
    expect(readdirSync(join(directory, 'aside-1')).sort()).toEqual(['clusters', 'quality'])
    expect(readFileSync(join(directory, 'aside-1', 'clusters', 'codebook'), 'utf8')).toHaveLength(100)
    expect((await run({ clusters: 50, options: { from: 'features' } })).work).toEqual([
      'features',
      'clusters',
      'quality',
    ])
    expect((await run({ clusters: 50 })).work).toEqual([])
    await expect(run({ options: { from: 'cluster' } })).rejects.toThrow(
      'no stage "cluster" has been done here. There are reference, features, clusters, quality.',
    )
  })

  it('are all done again where that is asked for, and what is no stage stays', async () => {
    await run()
    writeFileSync(join(directory, 'notes.txt'), 'mine')
    const again = await run({ dim: 13, options: { fresh: true } })
    expect(again.work).toEqual(everything)
    expect(again.notes[0]).toMatch(/^Put aside in .*aside-1: clusters, features, quality, reference\.$/)
    expect(readdirSync(join(directory, 'aside-1')).sort()).toEqual([...everything, 'summary.json'].sort())
    expect(readdirSync(directory)).toContain('notes.txt')
    await expect(openStages(directory, { fresh: true, from: 'features' })).rejects.toThrow('Use one.')
  })

  it('that failed are done anew, in an empty folder', async () => {
    const seen: string[][] = []
    const during = (name: string, { directory: folder, resumes }: StageContext) => {
      if (name !== 'clusters') return
      expect(resumes).toBe(false)
      seen.push(readdirSync(folder).sort())
      writeFileSync(join(folder, 'half'), '')
      if (seen.length < 3) throw new DataError('the disk is full')
    }
    for (let attempt = 0; attempt < 2; attempt++) await expect(run({ during })).rejects.toThrow('the disk is full')
    expect(existsSync(join(directory, 'clusters', 'half'))).toBe(true)
    expect((await run({ during })).work).toEqual(['clusters', 'reference', 'quality'])
    expect(seen).toEqual([['stage-begun.json'], ['stage-begun.json'], ['stage-begun.json']])
    expect(readdirSync(directory).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('that were told to stop are not complete, even if their work returns', async () => {
    const controller = new AbortController()
    const during = (name: string) => {
      if (name === 'clusters') controller.abort()
    }
    await expect(run({ during, options: { signal: controller.signal } })).rejects.toThrow('aborted')
    expect((await run()).work).toEqual(['clusters', 'reference', 'quality'])
  })

  it('that resume by themselves keep their folder, and count their attempts and time', async () => {
    const train = async (steps: number, until: number) => {
      await using stages = await openStages(directory)
      return await stages.stage({
        name: 'training',
        inputs: { steps },
        resumable: true,
        run: async ({ directory: folder, resumes }) => {
          const file = join(folder, 'step')
          expect(resumes).toBe(existsSync(file))
          const begun = resumes ? Number(readFileSync(file, 'utf8')) : 0
          for (let step = begun + 1; step <= steps; step++) {
            if (step > until) throw new TrainingError('interrupted')
            writeFileSync(file, String(step))
          }
          return { begun }
        },
      })
    }
    await expect(train(10, 4)).rejects.toThrow('interrupted')
    // Hours of training are not thrown away for a typing error.
    await expect(train(12, 99)).rejects.toThrow('the stage was begun with other inputs:\n  steps was 10, and is 12 now')
    await expect(train(10, 7)).rejects.toThrow('interrupted')
    const { result, seconds } = await train(10, 99)
    expect(result).toEqual({ begun: 7 })
    const { stages } = await readStages(directory)
    expect(stages[0]).toMatchObject({ name: 'training', attempts: 3, result: { begun: 7 } })
    expect(seconds).toBeGreaterThan(0)
    expect(stages[0]!.seconds).toBe(seconds)
  })

  it('say when one of their files is gone or was changed', async () => {
    const { codebook, features } = await run()
    writeFileSync(features.file('train.npy'), 'short')
    expect(() => features.file('train.npy')).toThrow(
      `${join(directory, 'features', 'train.npy')}: the stage "features" left this file with 39 bytes; it has 5 now. Do it again with --from features`,
    )
    rmSync(codebook.file('codebook'))
    expect(() => codebook.file('codebook')).toThrow(DataError)
    expect(() => codebook.file('codebook')).toThrow('had made this file, and it is gone')
    expect(() => codebook.file('model')).toThrow('the stage "clusters" has made no "model"')
    // What nobody needs any more may be removed.
    expect((await run()).work).toEqual([])
  })

  it('name folders that they made, too', async () => {
    await using stages = await openStages(directory)
    const made = await stages.stage({
      name: 'model',
      inputs: {},
      run: async ({ directory: folder }) => {
        mkdirSync(join(folder, 'model'))
        for (const file of ['config.json', 'model.safetensors']) writeFileSync(join(folder, 'model', file), file)
        return {}
      },
    })
    expect(made.file('model')).toBe(join(directory, 'model', 'model'))
    expect(made.file('model/config.json')).toBe(join(directory, 'model', 'model', 'config.json'))
    rmSync(join(directory, 'model', 'model', 'model.safetensors'))
    expect(() => made.file('model/')).toThrow(
      /model\.safetensors: the stage "model" had made this file, and it is gone/,
    )
  })

  it('keep a second process out of the folder', async () => {
    await using _stages = await openStages(directory)
    await expect(openStages(directory)).rejects.toThrow(TrainingError)
    await expect(openStages(directory)).rejects.toThrow(/process \d+ has been running in this folder/)
  })

  it('keep the folder until the stage that is being done has ended', async () => {
    const stages = await openStages(directory)
    let finish = () => {}
    const slow = stages.stage({
      name: 'slow',
      inputs: {},
      run: () => new Promise<object>((resolve) => (finish = () => resolve({}))),
    })
    await expect.poll(() => readdirSync(directory)).toContain('slow')
    const closed = stages.close()
    await expect(openStages(directory)).rejects.toThrow(TrainingError)
    finish()
    await closed
    expect((await slow).name).toBe('slow')
    await (await openStages(directory)).close()
  })

  it('touch no folder that is not theirs', async () => {
    mkdirSync(join(directory, 'clusters'), { recursive: true })
    mkdirSync(join(directory, 'features'))
    writeFileSync(join(directory, 'clusters', 'thesis.tex'), 'years of work')
    await expect(run()).rejects.toThrow(`${join(directory, 'clusters')}: the folder holds files, but no stage has made`)
    expect((await readStages(directory)).stages.map(({ name }) => name)).toEqual(['features'])
    expect(readdirSync(join(directory, 'clusters'))).toEqual(['thesis.tex'])
  })

  it.each([
    ['{"format":1,', 'it is no record of a stage'],
    ['[]', 'it is no record of a stage'],
    ['{"format":2}', 'it is no record of a stage'],
  ])('refuse a record that was spoilt: %s', async (text, message) => {
    await run()
    writeFileSync(join(directory, 'clusters', 'stage.json'), text)
    await expect(run()).rejects.toThrow(
      `${join(directory, 'clusters', 'stage.json')}: ${message}. Move its folder away, and the stage is done again.`,
    )
  })

  it('refuse a record that was edited, or is of another stage', async () => {
    await run()
    const file = join(directory, 'clusters', 'stage.json')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('"clusters": 100', '"clusters": 50'))
    await expect(run({ clusters: 50 })).rejects.toThrow('stage.json: it is not as it was written.')
    writeFileSync(file, text)
    renameSync(join(directory, 'clusters'), join(directory, 'other'))
    await expect(readStages(directory)).rejects.toThrow('it is the record of the stage "clusters"')
  })

  it('refuse names that are no folders, two of a name, one within another, and what is no plain data', async () => {
    await using stages = await openStages(directory)
    const work = async () => ({ fine: true })
    for (const name of ['', '..', 'a/b', 'Stage', 'a--b', 'aside-1', 'summary.json']) {
      await expect(stages.stage({ name, inputs: {}, run: work })).rejects.toThrow('cannot be the name of a stage')
    }
    const inner = () => stages.stage({ name: 'inner', inputs: {}, run: work })
    await expect(stages.stage({ name: 'outer', inputs: {}, run: inner })).rejects.toThrow(
      'the stage "outer" has not ended yet.',
    )
    await stages.stage({ name: 'twice', inputs: {}, run: work })
    await expect(stages.stage({ name: 'twice', inputs: {}, run: work })).rejects.toThrow(
      'there are two stages "twice".',
    )
    const bad = (name: string, inputs: object, result: object = {}) =>
      stages.stage({ name, inputs, run: async () => result })
    await expect(bad('nan', { a: { rate: Number.NaN } })).rejects.toThrow(
      'inputs.a.rate is NaN, which JSON cannot say.',
    )
    await expect(bad('date', { a: [1, new Date(0)] })).rejects.toThrow('inputs.a[1] is a Date')
    await expect(bad('array', [1])).rejects.toThrow('inputs is no plain object')
    await expect(bad('result', {}, { counts: Int32Array.of(1) })).rejects.toThrow('result.counts is a Int32Array')
    const other = await openStages(join(root, 'another'))
    const foreign = await other.stage({ name: 'foreign', inputs: {}, run: work })
    await other.close()
    await expect(stages.stage({ name: 'reader', inputs: {}, reads: [foreign], run: work })).rejects.toThrow(
      '"foreign" is no stage of this folder',
    )
    await expect(other.stage({ name: 'late', inputs: {}, run: work })).rejects.toThrow('have been closed')
  })

  it('are summed up in a file and in a table', async () => {
    const { summary } = await run()
    const saved = JSON.parse(readFileSync(join(directory, 'summary.json'), 'utf8')) as typeof summary
    expect(saved).toEqual(summary)
    expect(saved.stages.map(({ name, reads }) => [name, reads])).toEqual([
      ['features', []],
      ['clusters', ['features']],
      ['reference', []],
      ['quality', ['clusters', 'reference']],
    ])
    const seconds = (value: number) => ({ ...summary.stages[0]!, seconds: value })
    expect(
      stageTable({
        seconds: 4000.4,
        stages: [seconds(12), { ...seconds(3988.4), name: 'training-1', result: { purity: 0.123456, name: 'x' } }],
      }),
    ).toBe(
      [
        'stage          time  figures',
        'features       0:12  frames 1000, dim 39',
        'training-1  1:06:28  purity 0.1235',
        'all         1:06:40',
      ].join('\n'),
    )
  })
})
