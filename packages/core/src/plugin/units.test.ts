import { beforeAll, describe, expect, it } from 'vitest'
import { Codebook } from '../cluster/index'
import { DataError } from '../errors'
import { HostRng } from '../random/index'
import { enginesUnderTest, useEngine } from '../testing/index'
import { frontEndSource } from './feature-source'
import { collapseUnits, extractUnits, unitSource } from './units'

const noise = (seed: number, length: number): Float32Array => {
  const rng = new HostRng(seed, 'noise')
  return Float32Array.from({ length }, () => 0.1 * rng.normal())
}

/** Centroids that are frames of the features themselves. */
const codebookOf = async (waveform: Float32Array, clusters: number): Promise<Codebook> => {
  const [features] = await frontEndSource({ type: 'hubert-mfcc' }).extract([waveform])
  return new Codebook(features!.data.slice(0, clusters * features!.dim), features!.dim)
}

describe('collapseUnits', () => {
  it('leaves one of each run, with its length', () => {
    const { units, durations } = collapseUnits([3, 3, 3, 1, 3, 0, 0])
    expect([...units]).toEqual([3, 1, 3, 0])
    expect([...durations]).toEqual([3, 1, 1, 2])
    expect(collapseUnits([]).units).toHaveLength(0)
  })
})

describe.each(enginesUnderTest())('units of a front end, on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('are those that the codebook gives its features, recording by recording', async () => {
    const waveforms = [noise(1, 16_000), noise(2, 300), noise(3, 48_000), noise(4, 4000)]
    const codebook = await codebookOf(waveforms[0]!, 20)
    const features = frontEndSource({ type: 'hubert-mfcc' })
    const source = unitSource(features, codebook)
    expect(source).toMatchObject({
      name: 'hubert-mfcc39, 20 clusters',
      clusters: 20,
      sampleRate: 16_000,
      hopSamples: 160,
    })
    const found: Int32Array[] = []
    const data = { length: waveforms.length, load: (index: number) => waveforms[index]! }
    for await (const { index, units } of extractUnits(source, data)) {
      expect(index).toBe(found.length)
      found.push(units)
    }
    for (const [index, waveform] of waveforms.entries()) {
      const [frames] = await features.extract([waveform])
      expect([...found[index]!]).toEqual([...(await codebook.label(frames!))])
    }
    // The centroids are the first frames of the first recording; the second is shorter than a frame.
    expect([...found[0]!.subarray(0, 20)]).toEqual(Array.from({ length: 20 }, (_, unit) => unit))
    expect(found.map(({ length }) => length)).toEqual([98, 0, 298, 23])
    source.dispose()
  })

  it('are found while recordings are read: two batches of them are in memory at most', async () => {
    const source = {
      ...unitSource(frontEndSource({ type: 'hubert-mfcc' }), await codebookOf(noise(1, 16_000), 4)),
      batchSize: 3,
    }
    let [loaded, given] = [0, 0]
    let most = 0
    const data = {
      length: 20,
      load: () => {
        loaded++
        most = Math.max(most, loaded - given)
        return noise(1, 1000)
      },
    }
    for await (const _ of extractUnits(source, data)) given++
    expect({ loaded, given, most }).toEqual({ loaded: 20, given: 20, most: 6 })
    source.dispose()
  })

  it('are refused where features are not finite', async () => {
    const codebook = await codebookOf(noise(1, 16_000), 4)
    const features = frontEndSource({ type: 'hubert-mfcc' })
    const broken = {
      ...features,
      extract: async (waveforms: readonly Float32Array[]) => {
        const [first] = await features.extract(waveforms)
        first!.data[45] = Number.NaN
        return [first!]
      },
    }
    await expect(unitSource(broken, codebook).label([noise(1, 8000)])).rejects.toThrow(
      'frames of hubert-mfcc39 are not finite.',
    )
  })
})

it('frees the features when the codebook is of others', () => {
  let freed = 0
  const features = { ...frontEndSource({ type: 'hubert-mfcc' }), dispose: () => void freed++ }
  expect(() => unitSource(features, new Codebook(new Float32Array(10), 5))).toThrow(DataError)
  expect(freed).toBe(1)
})
