import { describe, expect, it } from 'vitest'
import { croppingNote, defaultFit, fitLengths } from './crops'

describe('fitLengths', () => {
  const lengths = Uint32Array.of(400, 160_000, 200_000, 240_000)

  it('cuts each recording to the shortest of its bucket, and says what is left', () => {
    const one = fitLengths(lengths, 1, 'crop')
    expect([...one.lengths]).toEqual([400, 400, 400, 400])
    expect(one.audioKept).toBeCloseTo(1600 / 600_400, 6)
    expect(croppingNote(one.audioKept)).toMatch(/keeps 0 % .* use more buckets/)
    const two = fitLengths(lengths, 2, 'crop')
    expect([...two.lengths]).toEqual([400, 400, 200_000, 200_000])
    const given = fitLengths(lengths.slice(1), [160_000, 200_000], 'crop')
    expect([...given.lengths]).toEqual([160_000, 200_000, 200_000])
    expect(given.audioKept).toBeCloseTo(560 / 600, 6)
    expect(croppingNote(given.audioKept)).toBeUndefined()
  })

  it('keeps all samples where batches are padded', () => {
    expect(fitLengths(lengths, 3, 'pad')).toEqual({ lengths, buckets: 3, audioKept: 1 })
  })

  it('crops where padding would enter a group norm', () => {
    const fit = (featExtractNorm: 'group' | 'layer', groupNormPadding: 'reference' | 'masked') =>
      defaultFit({ featExtractNorm, groupNormPadding } as Parameters<typeof defaultFit>[0])
    expect([fit('group', 'reference'), fit('group', 'masked'), fit('layer', 'reference')]).toEqual([
      'crop',
      'pad',
      'pad',
    ])
  })
})
