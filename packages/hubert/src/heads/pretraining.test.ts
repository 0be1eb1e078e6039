import { frameCount } from '@babble/core'
import { describe, expect, it } from 'vitest'
import { hubertTiny } from '../config'
import { labelledFrames, labelPlaces, labelsPerFrame } from './pretraining'

const config = hubertTiny({ numClasses: [4] })

describe('labels of frames', () => {
  it('are a label a frame at 50 a second, and every other one at 100', () => {
    expect(labelsPerFrame(config)).toBe(1)
    expect([...labelPlaces(4, 1)]).toEqual([0, 1, 2, 3])
    expect(labelsPerFrame({ ...config, labelRate: 100 })).toBe(2)
    expect([...labelPlaces(4, 2)]).toEqual([0, 2, 4, 6])
    expect([...labelPlaces(4, 0.5)]).toEqual([0, 0, 1, 1])
  })

  it.each([10, 12.5, 25, 100 / 3, 33.33, 37.5, 50, 62.5, 75, 80, 100, 125])(
    'are there for each frame of a batch at %f labels a second: no frame is cut off by rounding',
    (labelRate) => {
      const ratio = labelsPerFrame({ ...config, labelRate })
      for (let samples = 400; samples < 250_000; samples += 320) {
        const frames = frameCount(config, samples)
        // What hubertPretrainingBatches gives.
        const labels = Math.ceil(frames * ratio)
        expect(labelledFrames(frames, labels, ratio)).toBe(frames)
        expect(labelPlaces(frames, ratio)[frames - 1]).toBeLessThan(labels)
      }
    },
  )

  it('end where the labels do', () => {
    expect(labelledFrames(49, 40, 1)).toBe(40)
    expect(labelledFrames(49, 41, 2)).toBe(20)
    expect(labelledFrames(49, 10, 0.5)).toBe(20)
    expect(labelledFrames(49, 98, 2)).toBe(49)
  })
})
