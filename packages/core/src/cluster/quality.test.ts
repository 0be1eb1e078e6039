import { describe, expect, it } from 'vitest'
import { HostRng } from '../random/index'
import { ClusterQualityMeter, framesOfSegments } from './quality'

/** The measures from the table of joint probabilities, as section 4.3 of the HuBERT paper has them. */
const byTable = (pairs: readonly (readonly [string, number])[]) => {
  const units = [...new Set(pairs.map(([unit]) => unit))]
  const clusters = [...new Set(pairs.map(([, cluster]) => cluster))]
  const p = units.map((unit) =>
    clusters.map((cluster) => pairs.filter(([u, c]) => u === unit && c === cluster).length / pairs.length),
  )
  const unitP = p.map((row) => row.reduce((a, b) => a + b))
  const clusterP = clusters.map((_, j) => p.reduce((sum, row) => sum + row[j]!, 0))
  let information = 0
  p.forEach((row, i) => {
    row.forEach((joint, j) => {
      if (joint > 0) information += joint * Math.log(joint / (unitP[i]! * clusterP[j]!))
    })
  })
  return {
    purity: clusters.reduce((sum, _, j) => sum + Math.max(...p.map((row) => row[j]!)), 0),
    clusterPurity: p.reduce((sum, row) => sum + Math.max(...row), 0),
    pnmi: information / unitP.reduce((sum, x) => sum - x * Math.log(x), 0),
  }
}

describe('ClusterQualityMeter', () => {
  it('is what the table of joint probabilities gives, utterance by utterance', () => {
    const rng = new HostRng(5)
    const meter = new ClusterQualityMeter({ referenceRate: 100, clusterRate: 100 })
    const pairs: [string, number][] = []
    for (let utterance = 0; utterance < 5; utterance++) {
      const units = Array.from({ length: 100 }, () => 'abcde'[rng.int(5)]!)
      const clusters = units.map((unit) => (rng.uniform() < 0.6 ? unit.charCodeAt(0) - 97 : rng.int(9)))
      meter.add(units, clusters)
      units.forEach((unit, i) => {
        pairs.push([unit, clusters[i]!])
      })
    }
    const quality = meter.result()
    const expected = byTable(pairs)
    expect(quality.purity).toBeCloseTo(expected.purity, 12)
    expect(quality.clusterPurity).toBeCloseTo(expected.clusterPurity, 12)
    expect(quality.pnmi).toBeCloseTo(expected.pnmi, 12)
    expect([quality.frames, quality.units, quality.clusters]).toEqual([500, 5, 9])
  })

  it('is 1 where the clusters tell the units, and PNMI is 0 where they tell nothing', () => {
    const exact = new ClusterQualityMeter({ referenceRate: 50, clusterRate: 50 })
    exact.add(['a', 'a', 'b', 'b', 'c'], [4, 4, 0, 0, 9])
    expect(exact.result()).toMatchObject({ purity: 1, clusterPurity: 1 })
    expect(exact.result().pnmi).toBeCloseTo(1, 12)
    const none = new ClusterQualityMeter({ referenceRate: 50, clusterRate: 50 })
    none.add(['a', 'b', 'a', 'b'], [0, 0, 1, 1])
    expect(none.result()).toMatchObject({ purity: 0.5, clusterPurity: 0.5 })
    expect(none.result().pnmi).toBeCloseTo(0, 12)
  })

  it('holds the labels of the slower sequence, whichever it is', () => {
    const fine = ['a', 'a', 'b', 'b', 'b', 'b']
    const quality = (reference: string[], referenceRate: number, clusters: number[], clusterRate: number) => {
      const meter = new ClusterQualityMeter({ referenceRate, clusterRate })
      meter.add(reference, clusters)
      return meter.result()
    }
    expect(quality(fine, 100, [0, 1, 1], 50)).toMatchObject({ frames: 6, purity: 1 })
    expect(quality(['a', 'b', 'b'], 50, [0, 0, 1, 1, 1, 1], 100)).toMatchObject({ frames: 6, purity: 1 })
    // 100 to 40 a second: a slow label holds two and a half frames, and the third frame's middle is the second label's.
    expect(quality(['a', 'a', 'a', 'b', 'b'], 100, [7, 8], 40)).toMatchObject({ frames: 5, purity: 0.8 })
  })

  it('leaves out what one sequence has more, within the tolerance, and frames without a unit', () => {
    const meter = new ClusterQualityMeter({ referenceRate: 100, clusterRate: 50, tolerance: 0.02 })
    meter.add(['a', null, 'b', 'b', 'c'], [0, 1])
    expect(meter.result()).toMatchObject({ frames: 3, units: 2 })
    const exact = new ClusterQualityMeter({ referenceRate: 50, clusterRate: 50 })
    // 2.1 - 2 is a little more than 0.1.
    exact.add(Array(105).fill('a'), Array(100).fill(0))
    expect(exact.result().frames).toBe(100)
    expect(() => meter.add(Array(10).fill('a'), [0, 0], 'clip7')).toThrow('clip7: 10 reference labels last 0.10 s')
    const empty = new ClusterQualityMeter({ referenceRate: 100, clusterRate: 50 })
    expect(() => empty.result()).toThrow('no frame')
  })
})

it('gives each frame the segment that its middle lies in', () => {
  const segments = [
    { start: 0, end: 0.03, label: 'sil' },
    { start: 0.03, end: 0.075, label: 'a' },
    { start: 0.085, end: 0.2, label: 'b' },
  ]
  expect(framesOfSegments(segments, 10, 100)).toEqual(['sil', 'sil', 'sil', 'a', 'a', 'a', 'a', null, 'b', 'b'])
})

it('leaves no frame out whose middle is where one segment ends and the next begins', () => {
  // An aligner's times are hundredths of a second, and middles of frames of 20 ms are odd ones: 0.07 x 50 is a little more than 3.5.
  const hundredths = (count: number) => Number((count / 100).toFixed(2))
  for (const step of [1, 2, 3, 7]) {
    const segments = Array.from({ length: 1000 }, (_, i) => ({
      start: hundredths(1 + i * step),
      end: hundredths(1 + (i + 1) * step),
      label: String(i),
    }))
    for (const [rate, frames] of [
      [50, 500],
      [100, 1000],
      [40, 400],
    ] as const) {
      const found = framesOfSegments(segments, frames, rate)
      const wanted = found.map((_, frame) => {
        // In whole numbers: the middle in units of 1 / (200 rate) s.
        const middle = 100 * (2 * frame + 1)
        const at = segments.findIndex(
          (_, i) => middle >= 2 * rate * (1 + i * step) && middle < 2 * rate * (1 + (i + 1) * step),
        )
        return at < 0 ? null : String(at)
      })
      expect(found).toEqual(wanted)
    }
  }
})
