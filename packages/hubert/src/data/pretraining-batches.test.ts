import { ConfigError, DataError, labelsInMemory, type Recording } from '@babble/core'
import { describe, expect, it } from 'vitest'
import { hubertTiny } from '../config'
import { type HubertPretrainingHostBatch, hubertPretrainingBatches } from './pretraining-batches'

const config = hubertTiny({ numClasses: [1000], maskTimeLength: 4 })

/** A recording whose samples say where they are. */
const recording = (samples: number, name = `${samples}`): Recording => ({
  path: `${name}.wav`,
  samples,
  waveform: Float32Array.from({ length: samples }, (_, at) => at / 1e6),
})

/** Labels that say where they are, `rate` a second. */
const placed = (recordings: readonly Recording[], rate = 50) =>
  labelsInMemory(
    recordings.map(({ samples }) => Int32Array.from({ length: Math.round((samples * rate) / 16_000) }, (_, at) => at)),
  )

/** First sample of a row of a batch that was not normalised. */
const startOf = (batch: HubertPretrainingHostBatch, row: number): number =>
  Math.round(1e6 * batch.inputValues.data[row * batch.inputValues.shape[1]!]!)

const labelsOf = ({ targets }: HubertPretrainingHostBatch, row: number, set = 0): number[] => {
  const [, count, sets] = targets.shape as [number, number, number]
  return Array.from({ length: count }, (_, at) => targets.data[(row * count + at) * sets + set]!)
}

describe('hubertPretrainingBatches', () => {
  it.each([50, 100])('cuts labels at %i a second where it cuts the recordings', async (labelRate) => {
    const recordings = [recording(40_000), recording(36_000), recording(48_000), recording(41_234)]
    const source = await hubertPretrainingBatches(recordings, [placed(recordings, labelRate)], {
      config: { ...config, labelRate },
      seed: 1,
      batchSize: 4,
      cropSamples: 16_000,
      normalize: false,
    })
    const starts = new Set<number>()
    for (let epoch = 0; epoch < 5; epoch++) {
      const batch = await source.batch(epoch, 0)
      expect(batch.inputValues.shape).toEqual([4, 16_000])
      // 49 frames: two labels each at 100 a second.
      expect(batch.targets.shape).toEqual([4, (49 * labelRate) / 50, 1])
      for (let row = 0; row < 4; row++) {
        const start = startOf(batch, row)
        starts.add(start)
        const first = Math.round((start * labelRate) / 16_000)
        expect(labelsOf(batch, row)).toEqual(Array.from({ length: batch.targets.shape[1]! }, (_, at) => first + at))
      }
    }
    expect(starts.size).toBeGreaterThan(15)
  })

  it('has labels of several sets, and none after the end of an utterance', async () => {
    const recordings = [recording(8000, 'a'), recording(16_000, 'b')]
    const second = labelsInMemory(recordings.map(({ samples }) => new Int32Array(samples / 320).fill(7)))
    const padded = { ...config, numClasses: [1000, 8], featExtractNorm: 'layer' as const, convBias: true }
    const source = await hubertPretrainingBatches(recordings, [placed(recordings), second], {
      config: padded,
      seed: 1,
      batchSize: 2,
      normalize: false,
    })
    const batch = await source.batch(0, 0)
    const short = [0, 1].find((row) => batch.attentionMask.data[row * 16_000 + 8000] === 0)!
    expect(labelsOf(batch, short)).toEqual(Array.from({ length: 49 }, (_, at) => (at < 25 ? at : -1)))
    expect(labelsOf(batch, short, 1)).toEqual(Array.from({ length: 49 }, (_, at) => (at < 25 ? 7 : -1)))
    expect(labelsOf(batch, 1 - short, 1)).toEqual(new Array(49).fill(7))
    const { data, shape } = batch.maskTimeIndices
    const masked = [0, 1].map((row) =>
      Array.from(data.slice(row * shape[1]!, (row + 1) * shape[1]!)).reduce((a, b) => a + b, 0),
    )
    expect(masked[0]).toBe(masked[1])
    expect(masked[0]).toBeGreaterThan(5)
  })

  it('leaves out what is too short or does not fit its labels, and keeps the others with their own labels', async () => {
    const recordings = [recording(300, 'tiny'), recording(16_000, 'a'), recording(16_100, 'b'), recording(16_200, 'c')]
    const rows = recordings.map(({ samples }, line) => new Int32Array(Math.round(samples / 320)).fill(100 * line))
    rows[2] = new Int32Array(30).fill(999)
    const source = await hubertPretrainingBatches(recordings, [labelsInMemory(rows)], {
      config,
      seed: 1,
      batchSize: 2,
      normalize: false,
    })
    expect(source).toMatchObject({ recordings: 2, unfit: 1, mislabelled: 1 })
    expect(source.descriptions[0]).toContain('labels:3: 30 labels are 0.60 s at 50 a second')
    const batch = await source.batch(0, 0)
    expect([0, 1].map((row) => labelsOf(batch, row)[0]).sort()).toEqual([100, 300])
  })

  it('counts the seconds of recordings in memory at the rate that the model hears', async () => {
    const recordings = [recording(8000, 'a'), recording(8000, 'b')]
    // One second each at 8000 Hz, where 16000 would be half of one.
    const labels = labelsInMemory(recordings.map(() => new Int32Array(50)))
    const slow = { ...config, samplingRate: 8000, convStride: [5, 2, 2, 2, 2, 2, 1] }
    const make = (fields: { samplingRate?: number }) =>
      hubertPretrainingBatches(recordings, [labels], { config: slow, seed: 1, batchSize: 2, ...fields })
    const source = await make({})
    const batch = await source.batch(0, 0)
    expect(source.audioSeconds!(batch)).toBe(2)
    expect(batch.targets.shape).toEqual([2, batch.maskTimeIndices.shape[1]!, 1])
    await expect(make({ samplingRate: 16_000 })).rejects.toThrow(DataError)
    const long = labelsInMemory(recordings.map(() => new Int32Array(25)))
    const other = { config: slow, seed: 1, batchSize: 2, samplingRate: 16_000 }
    await expect(hubertPretrainingBatches(recordings, [long], other)).rejects.toThrow(
      'the dataset is at 16000 Hz, but the model hears 8000 Hz',
    )
  })

  it('masks as many frames as the model counts, also where it counts them as fairseq does', async () => {
    const recordings = [recording(16_000, 'a'), recording(8000, 'b')]
    const chunks = { ...config, featExtractNorm: 'layer' as const, convBias: true, framePadding: 'chunks' as const }
    const options = { config: { ...chunks, maskTimeProb: 20 }, seed: 1, batchSize: 2, maskVariant: 'hf' as const }
    const source = await hubertPretrainingBatches(recordings, [placed(recordings)], options)
    const { attentionMask, maskTimeIndices } = await source.batch(0, 0)
    const short = [0, 1].find((row) => attentionMask.data[row * 16_000 + 8000] === 0)!
    // Chunks of 326 samples: 25 begin before sample 8000, of whose convolutions there are 24.
    const masked = maskTimeIndices.data.slice(short * 49, short * 49 + 49)
    expect(masked.lastIndexOf(1)).toBe(24)
  })

  it('shares a batch among processes without changing it', async () => {
    const recordings = Array.from({ length: 6 }, (_, i) => recording(20_000 + 100 * i))
    const make = (rank: number, worldSize: number) =>
      hubertPretrainingBatches(recordings, [placed(recordings)], { config, seed: 3, batchSize: 4, rank, worldSize })
    const whole = await (await make(0, 1)).batch(1, 0)
    const parts = await Promise.all([0, 1].map(async (rank) => (await make(rank, 2)).batch(1, 0)))
    for (const name of ['inputValues', 'attentionMask', 'maskTimeIndices', 'targets']) {
      const joined = parts.flatMap((part) => [...part[name]!.data])
      expect(joined).toEqual([...whole[name]!.data])
    }
  })

  it('refuses labels of another number, of another rate or of classes that there are not', async () => {
    const recordings = [recording(16_000, 'a'), recording(32_000, 'b')]
    const options = { config, seed: 1, batchSize: 2 }
    const make = (labels: ReturnType<typeof placed>[], fields = {}) =>
      hubertPretrainingBatches(recordings, labels, { ...options, config: { ...config, ...fields } })
    await expect(make([placed(recordings.slice(1))])).rejects.toThrow(/1 lines of labels for 2 utterances/)
    await expect(make([placed(recordings, 100)])).rejects.toThrow(/labels come 100 a second, not 50/)
    await expect(make([placed(recordings)], { numClasses: [60] })).rejects.toThrow(
      /labels:2: label 61 of the line is 60/,
    )
    await expect(make([placed(recordings)], { numClasses: [60] })).rejects.toThrow(DataError)
    await expect(make([placed(recordings), placed(recordings)])).rejects.toThrow(
      /labels of 2 sets for a model that predicts 1/,
    )
    await expect(make([placed(recordings)], { maskTimeProb: 0 })).rejects.toThrow(ConfigError)
  })
})
