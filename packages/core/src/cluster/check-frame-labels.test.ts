import { describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { HostRng } from '../random/index'
import { checkFrameLabels } from './check-frame-labels'
import { labelsInMemory } from './frame-labels'

/** Lengths of utterances in seconds, as read speech has them. */
const lengths = (count: number, least = 2, range = 12) => {
  const rng = new HostRng(2, 'seconds')
  return Array.from({ length: count }, () => least + rng.uniform() * range)
}
/** Labels as a model of `rate` frames a second gives them: the last window does not fit. */
const labelled = (seconds: readonly number[], rate: number) =>
  labelsInMemory(seconds.map((value) => new Int32Array(Math.max(0, Math.floor(value * rate - 0.25))).fill(3)))

const check = (rate: number, labelRate: number, seconds = lengths(100)) =>
  checkFrameLabels(labelled(seconds, rate), {
    utterances: seconds.length,
    seconds: (utterance) => seconds[utterance]!,
    labelRate,
    classes: 100,
  })

describe('checkFrameLabels', () => {
  it.each([25, 50, 100])('lets labels pass that come %d a second, as said', async (rate) => {
    const found = await check(rate, rate)
    expect(found).toMatchObject({ utterances: 100, first: [] })
    expect(found.outside).toHaveLength(0)
    expect(found.measuredRate / rate).toBeCloseTo(1, 1)
  })

  it.each([
    [100, 50],
    [50, 100],
    [25, 50],
    [62.5, 50],
    [50, 16000],
  ])('says that labels come %d a second, not %d', async (rate, labelRate) => {
    const checked = check(rate, labelRate)
    await expect(checked).rejects.toThrow(DataError)
    await expect(checked).rejects.toThrow(
      `labels: labels come ${rate} a second, not ${labelRate}. 100 of 100 utterances do not fit; the first: labels:1: `,
    )
  })

  it('names a rate that nobody uses by what was measured', async () => {
    await expect(check(57, 50)).rejects.toThrow(/labels come 5[67]\.\d+ a second, not 50/)
  })

  it('finds the wrong rate of short recordings, too', async () => {
    await expect(check(100, 50, lengths(200, 0.3, 0.4))).rejects.toThrow('labels come 100 a second, not 50')
    // Most are so short that any rate fits them; the others have most of the seconds.
    const seconds = [...new Array(60).fill(0.05), ...lengths(40)]
    await expect(check(100, 50, seconds)).rejects.toThrow('labels come 100 a second, not 50. 40 of 100 utterances')
  })

  it('lists single utterances that do not fit, to be left out', async () => {
    const seconds = lengths(100)
    const labels = labelled(seconds, 50)
    const told = [...seconds]
    told[7]! += 1
    told[3]! += 0.2
    told[20]! += 0.05
    const options = { utterances: 100, seconds: (i: number) => told[i]!, labelRate: 50, classes: 4 }
    const { outside, first } = await checkFrameLabels(labels, options)
    expect([...outside]).toEqual([3, 7])
    expect(first).toHaveLength(2)
    expect(first[1]).toBe(
      `labels:8: ${labels.count(7)} labels are ${(labels.count(7) / 50).toFixed(2)} s at 50 a second, but the recording lasts ${told[7]!.toFixed(2)} s.`,
    )
    const strict = await checkFrameLabels(labels, { ...options, tolerance: 0.05 })
    expect([...strict.outside]).toEqual([3, 7, 20])
    expect((await checkFrameLabels(labels, { ...options, tolerance: 2 })).outside).toHaveLength(0)
  })

  it('refuses labels of other recordings, which no rate would fit', async () => {
    const seconds = lengths(100)
    const labels = labelled(seconds.toReversed(), 50)
    const checked = checkFrameLabels(labels, {
      utterances: 100,
      seconds: (i) => seconds[i]!,
      labelRate: 50,
      classes: 4,
    })
    await expect(checked).rejects.toThrow('last for different times, at whatever rate.')
    await expect(checked).rejects.toThrow('in another order: make them again from this list.')
    const none = labelsInMemory(seconds.map(() => []))
    await expect(
      checkFrameLabels(none, { utterances: 100, seconds: (i) => seconds[i]!, labelRate: 50, classes: 4 }),
    ).rejects.toThrow('at whatever rate')
  })

  it('refuses another number of lines, a class that there is not, and a length that is not known', async () => {
    const labels = labelsInMemory([
      [0, 1],
      [2, 9, 10],
    ])
    const options = { utterances: 2, seconds: () => 0.04, labelRate: 50, classes: 11 }
    expect((await checkFrameLabels(labels, options)).labels).toBe(5)
    await expect(checkFrameLabels(labels, { ...options, utterances: 3 })).rejects.toThrow(
      'labels: 2 lines of labels for 3 utterances: there must be one line for each. Make the labels again',
    )
    await expect(checkFrameLabels(labels, { ...options, classes: 9 })).rejects.toThrow(
      'labels:2: label 2 of the line is 9, but there are 9 classes, from 0 on. Give the number of clusters that the labels were made with: at least 11.',
    )
    await expect(checkFrameLabels(labels, { ...options, seconds: () => Number.NaN })).rejects.toThrow(
      'the length of recording 1 is not known (NaN).',
    )
    await expect(checkFrameLabels(labels, { ...options, labelRate: 0 })).rejects.toThrow(RangeError)
  })
})
