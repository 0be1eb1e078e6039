import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readManifest } from '@babble/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hubertIterations } from './iterations'
import { alignedReference, columnReference, type HubertIterationsOptions, ofIteration } from './options'
import { iterationsReport, iterationsTable } from './report'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babble-iterations-'))
  await writeFile(join(folder, 'train.tsv'), 'path\ttext\tsamples\na.wav\tone\t16000\nb.wav\t\t16000\n')
})
afterAll(() => rm(folder, { recursive: true }))
const manifest = () => readManifest(join(folder, 'train.tsv'))

describe('references', () => {
  it('are a column of the manifest: one unit for a recording, or none', async () => {
    const reference = columnReference(await manifest(), 'text')
    expect(await reference.units(0)).toBe('one')
    expect(await reference.units(1)).toBeUndefined()
    expect(reference.inputs).toEqual({ column: 'text' })
  })

  it('name the columns there are', async () => {
    const found = await manifest()
    expect(() => columnReference(found, 'phone')).toThrow(
      'the manifest has no column "phone". It has path, samples, text.',
    )
  })

  it('are alignments, found by the paths of the recordings', async () => {
    const segments = async (path: string) => [{ start: 0, end: 1, label: path }]
    const reference = alignedReference({ segments }, await manifest(), { alignments: 'x' })
    expect(await reference.units(1)).toEqual([{ start: 0, end: 1, label: join(folder, 'b.wav') }])
  })
})

it('a list that is too short goes on with its last value', () => {
  expect([1, 2, 3].map((iteration) => ofIteration([100, 500], iteration))).toEqual([100, 500, 500])
  expect(ofIteration([], 1)).toBeUndefined()
})

describe('what cannot be done is refused before a folder is made', () => {
  it.each<[string, Partial<HubertIterationsOptions>]>([
    ['iterations is 0. Give a whole number of at least 1.', { iterations: 0 }],
    ['iterations is 1.5. Give a whole number of at least 1.', { iterations: 1.5 }],
    ['clusters is 0. Give a whole number of at least 1.', { clusters: [100, 0] }],
    ['clusters is empty.', { clusters: [] }],
    ['a sample is 0. Give shares of the recordings: 0.1 to 1.', { samples: [1, 0] }],
    ['there is no layer 13. Layers are 0 (what the Transformer is given) to 12 (its output).', { layers: [13] }],
    [
      'there is no layer 4. Layers are 0 (what the Transformer is given) to 3 (its output).',
      { size: 'tiny', layers: [2, 4] },
    ],
  ])('%s', async (message, options) => {
    const directory = join(folder, 'run')
    await expect(hubertIterations({ directory, train: await manifest(), ...options })).rejects.toThrow(message)
    await expect(rm(directory, { recursive: true })).rejects.toThrow('ENOENT')
  })
})

describe('the iterations side by side', () => {
  const base = { clusters: 100, emptyClusters: 0, codebook: 'c', labels: { train: 't' } }
  const iterations = [
    {
      ...base,
      iteration: 1,
      features: 'mfcc' as const,
      labelRate: 100,
      model: 'm',
      training: { steps: 4, parameters: 5, maskedAccuracy: 0.25 },
    },
    { ...base, iteration: 2, features: { layer: 6 }, emptyClusters: 3, labelRate: 50 },
  ]

  it('are a table', () => {
    expect(iterationsTable(iterations).split('\n')).toEqual([
      'iteration  labels from  clusters       purity  cluster purity  PNMI  masked accuracy  held out',
      '1          MFCC         100            -       -               -     0.2500           -',
      'after      layer 6      100 (3 empty)  -       -               -     -                -',
    ])
  })

  it('are a page, with what each stage took', () => {
    const stage = { attempts: 1, finishedAt: '', reads: [], inputs: {}, result: {} }
    const page = iterationsReport(iterations, {
      seconds: 75,
      stages: [{ ...stage, name: '1-mfcc', title: 'MFCC', seconds: 75 }],
    })
    expect(page).toContain('1 iteration in 1:15')
    expect(page).toContain('100 (3 empty)')
    expect(page).toContain('1-mfcc')
  })
})
