import { describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { type FaceLandmarks, fillLandmarks, landmarksOf68, landmarksOfMesh, smoothLandmarks } from './landmarks'
import { videoInput } from './model-input'
import { cropBoxes, cropMouths } from './mouth-crop'
import { applySimilarity, fitSimilarity, invertSimilarity, type Point, type Similarity } from './similarity'
import type { Video } from './video'

/** A face as the mean face has it, seen through a similarity. */
const faceThrough = (map: Similarity, mouth: Point): FaceLandmarks => {
  const at = (x: number, y: number) => applySimilarity(map, { x, y })
  return {
    eyes: [at(92.5, 94.4), at(112.8, 94.9), at(145.5, 94.5), at(166.7, 93.6)],
    noseBase: at(128.9, 137.3),
    lips: [at(mouth.x - 10, mouth.y), at(mouth.x + 10, mouth.y), at(mouth.x, mouth.y - 5), at(mouth.x, mouth.y + 5)],
  }
}

const identity: Similarity = { a: 1, b: 0, tx: 0, ty: 0 }

/** A picture whose value is a linear function of its place, which sampling between pixels gives exactly. */
const ramp = (frames: number, height: number, width: number, value: (x: number, y: number) => number): Video => ({
  data: Uint8Array.from({ length: frames * height * width }, (_, i) => {
    const place = i % (height * width)
    return value(place % width, Math.floor(place / width))
  }),
  frames,
  height,
  width,
  channels: 1,
  fps: 25,
})

describe('similarities', () => {
  const turned: Similarity = { a: 0.8, b: 0.6, tx: 5, ty: -7 }

  it('are found from points, and inverted', () => {
    const points = [
      { x: 0, y: 0 },
      { x: 10, y: 3 },
      { x: -4, y: 8 },
    ]
    const found = fitSimilarity(
      points,
      points.map((point) => applySimilarity(turned, point)),
    )!
    for (const key of ['a', 'b', 'tx', 'ty'] as const) expect(found[key]).toBeCloseTo(turned[key], 12)
    const back = applySimilarity(invertSimilarity(turned), applySimilarity(turned, { x: 3, y: 4 }))
    expect([back.x, back.y].map((value) => Number(value.toFixed(9)))).toEqual([3, 4])
    expect(fitSimilarity([points[1]!, points[1]!], points.slice(0, 2))).toBeUndefined()
  })

  it('are the nearest in the sense of least squares: a change in any direction is worse', () => {
    const from = [
      { x: 1, y: 2 },
      { x: 9, y: 1 },
      { x: 4, y: 7 },
      { x: -3, y: 5 },
    ]
    const to = [
      { x: 2, y: 2 },
      { x: 8, y: 6 },
      { x: 1, y: 9 },
      { x: -5, y: 4 },
    ]
    const cost = (map: Similarity) =>
      from.reduce((sum, point, i) => {
        const { x, y } = applySimilarity(map, point)
        return sum + (x - to[i]!.x) ** 2 + (y - to[i]!.y) ** 2
      }, 0)
    const best = fitSimilarity(from, to)!
    for (const key of ['a', 'b', 'tx', 'ty'] as const) {
      for (const change of [-1e-3, 1e-3])
        expect(cost({ ...best, [key]: best[key] + change })).toBeGreaterThan(cost(best))
    }
  })
})

describe('landmarks', () => {
  const face = (x: number): FaceLandmarks => faceThrough({ ...identity, tx: x }, { x: 130, y: 170 })

  it('fill frames without a face from the nearest', () => {
    const filled = fillLandmarks([undefined, face(0), undefined, undefined, face(9), undefined])
    expect(filled.map(({ noseBase }) => Number(noseBase.x.toFixed(6)))).toEqual([
      128.9, 128.9, 131.9, 134.9, 137.9, 137.9,
    ])
    expect(() => fillLandmarks([undefined])).toThrow(DataError)
  })

  it('are smoothed without holding back how the head moves', () => {
    const moving = Array.from({ length: 9 }, (_, i) => face(4 * i))
    smoothLandmarks(moving, 5).forEach(({ noseBase, lips }, i) => {
      expect(noseBase.x).toBeCloseTo(128.9 + 4 * i, 9)
      expect(lips[0]!.x).toBeCloseTo(120 + 4 * i, 9)
    })
    // One trembling point is spread over the window.
    const still = Array.from({ length: 9 }, () => face(0))
    still[4] = { ...still[4]!, noseBase: { x: 128.9 + 9, y: 137.3 } }
    const smooth = smoothLandmarks(still, 9)
    expect(smooth[4]!.noseBase.x - 128.9).toBeCloseTo(1 + (9 - 1) / 9, 9)
  })

  it('are picked out of the usual schemes, which must be whole', () => {
    const points = Array.from({ length: 468 }, (_, i) => ({ x: i, y: -i }))
    expect(landmarksOf68(points).eyes.map(({ x }) => x)).toEqual([36, 39, 42, 45])
    expect(landmarksOf68(points).lips.map(({ x }) => x)).toEqual(Array.from({ length: 20 }, (_, i) => 48 + i))
    const mesh = landmarksOfMesh(points)
    expect([mesh.eyes.map(({ x }) => x), mesh.noseBase.x, new Set(mesh.lips).size]).toEqual([
      [33, 133, 362, 263],
      2,
      40,
    ])
    expect(() => landmarksOfMesh(points.slice(1))).toThrow("467 points, where MediaPipe's mesh has 468")
  })
})

describe('cropMouths', () => {
  it('cuts around the mouth of an upright face', () => {
    const video = ramp(2, 256, 256, (x, y) => (x + y) / 2)
    const face = faceThrough(identity, { x: 128, y: 170 })
    const crop = cropMouths(video, [face, undefined])
    expect([crop.frames, crop.height, crop.width, crop.data.length]).toEqual([2, 96, 96, 2 * 96 * 96])
    expect(crop.data[0]).toBe(video.data[(170 - 48) * 256 + 128 - 48])
    expect(crop.data.slice(96 * 96)).toEqual(crop.data.slice(0, 96 * 96))
  })

  it('turns, scales and shifts a face back to where the mean face is', () => {
    const map: Similarity = { a: 1.2, b: 0.5, tx: 60, ty: -20 }
    const back = invertSimilarity(map)
    // The picture's value is half of the row that a place has in the mean face.
    const video = ramp(1, 400, 420, (x, y) => Math.max(0, applySimilarity(back, { x, y }).y / 2))
    const crop = cropMouths(video, [faceThrough(map, { x: 128, y: 170 })], { size: 64 })
    for (const row of [0, 20, 63]) {
      for (const column of [0, 31, 63]) {
        expect(Math.abs(crop.data[row * 64 + column]! - (170 - 32 + row) / 2)).toBeLessThanOrEqual(1)
      }
    }
  })

  it('refuses landmarks that do not fit', () => {
    const video = ramp(2, 8, 8, () => 0)
    expect(() => cropMouths(video, [undefined])).toThrow('landmarks for 1 frames of 2')
    expect(() => cropMouths(video, [undefined, undefined])).toThrow('no frame has a face')
    const point = faceThrough({ a: 0, b: 0, tx: 4, ty: 4 }, { x: 0, y: 0 })
    expect(() => cropMouths(video, [point, point])).toThrow('the points of frame 0 are no face')
  })
})

describe('cropBoxes', () => {
  it('scales a box, and widens it to a square', () => {
    const video = ramp(1, 64, 64, (x) => 2 * x)
    const half = cropBoxes(video, { left: 10, top: 20, width: 8, height: 8 }, { size: 4 })
    // A pixel of the crop covers two of the frame, whose middle lies between them.
    expect([...half.data.slice(0, 4)]).toEqual([21, 25, 29, 33])
    const same = cropBoxes(video, [{ left: 10, top: 22, width: 8, height: 4 }], { size: 8 })
    expect([...same.data.slice(0, 8)]).toEqual([20, 22, 24, 26, 28, 30, 32, 34])
    expect(() => cropBoxes(video, [], { size: 8 })).toThrow('boxes for 0 frames of 1')
  })
})

describe('videoInput', () => {
  it('takes the middle, normalised, or another square, turned round', () => {
    const video = ramp(1, 96, 96, (x, y) => x + y)
    const input = videoInput(video)
    expect(input.length).toBe(88 * 88)
    expect(input[0]).toBeCloseTo((8 / 255 - 0.421) / 0.165, 6)
    const flipped = videoInput(video, { top: 0, left: 2, flip: true })
    expect(flipped[0]).toBeCloseTo((89 / 255 - 0.421) / 0.165, 6)
    expect(() => videoInput(video, { top: 9 })).toThrow('not within 96 x 96')
  })
})
