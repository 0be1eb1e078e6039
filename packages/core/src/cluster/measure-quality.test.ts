import { describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { labelsInMemory } from './frame-labels'
import { measureClusters } from './measure-quality'

const segment = (start: number, end: number, label: string) => ({ start, end, label })

describe('measureClusters', () => {
  it('compares clusters with segments in time', async () => {
    const clusters = labelsInMemory([
      [7, 7, 7, 8, 8],
      [8, 8, 9, 9, 9, 9],
    ])
    const references = [
      [segment(0, 0.06, 'a'), segment(0.06, 0.1, 'b')],
      [segment(0, 0.06, 'b'), segment(0.06, 0.1, '')],
    ]
    const options = { labelRate: 50 }
    const found = await measureClusters(clusters, (utterance) => references[utterance], options)
    // Frames: aaabb, bbb..., where 8 is b throughout, 9 once b.
    expect(found).toMatchObject({ frames: 8, units: 2, clusters: 3, purity: 1, utterances: 2, withoutReference: 0 })
    expect(found.clusterPurity).toBeCloseTo(7 / 8, 12)
    expect(found.coverage).toBeCloseTo(8 / 11, 12)
    const counted = await measureClusters(clusters, (utterance) => references[utterance], {
      ...options,
      unit: (label) => (label === '' ? 'silence' : 'speech'),
    })
    expect(counted).toMatchObject({ frames: 10, units: 2 })
    expect(counted.purity).toBeCloseTo(9 / 10, 12)
  })

  it('compares clusters with one unit for each utterance, and leaves out those without', async () => {
    const clusters = labelsInMemory([[1, 1, 2], [5], [2, 2], []])
    const words = ['one', undefined, 'two', 'two']
    const seen: number[] = []
    const found = await measureClusters(clusters, async (utterance) => words[utterance], {
      labelRate: 50,
      onProgress: (done, total) => seen.push(done / total),
    })
    expect(found).toMatchObject({ frames: 5, units: 2, clusters: 2, utterances: 3, withoutReference: 1, coverage: 1 })
    expect(found.purity).toBeCloseTo(4 / 5, 12)
    expect(seen).toEqual([0.25, 0.5, 0.75, 1])
  })

  it('refuses references that are longer than the clusters, and none at all', async () => {
    const clusters = labelsInMemory([[1], new Array(100).fill(3)])
    const long = measureClusters(clusters, (utterance) => (utterance === 1 ? [segment(0, 2, 'a')] : undefined), {
      labelRate: 100,
    })
    await expect(long).rejects.toThrow(DataError)
    await expect(long).rejects.toThrow(
      'labels:2: the reference ends at 2.00 s, but 100 clusters are 1.00 s at 100 a second. Check the label rate',
    )
    await expect(measureClusters(clusters, () => undefined, { labelRate: 50 })).rejects.toThrow(
      'labels: no utterance has a reference.',
    )
    await expect(measureClusters(clusters, () => [], { labelRate: 50 })).rejects.toThrow('no frame has both')
  })
})
