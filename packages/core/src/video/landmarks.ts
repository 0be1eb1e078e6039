import { DataError } from '../errors'
import type { Point } from './similarity'

/** The points of a face that place its mouth, in pixels of the frame. */
export interface FaceLandmarks {
  /** Corners of the eyes, from left to right in the image: outer and inner of one, inner and outer of the other. */
  readonly eyes: readonly [Point, Point, Point, Point]
  /** Where the nose meets the upper lip. */
  readonly noseBase: Point
  /** Any points spread evenly around the lips: their mean is taken as the mouth's middle. */
  readonly lips: readonly Point[]
}

const picked = (points: readonly Point[], count: number, scheme: string): ((index: number) => Point) => {
  if (points.length < count) {
    throw new DataError(`a face has ${points.length} points, where ${scheme} has ${count}.`, { field: 'landmarks' })
  }
  return (index) => points[index]!
}

/** Of the 68 points of the iBUG scheme (dlib, face_alignment): the eyes' corners 36, 39, 42, 45, the nose 33, the lips 48 to 67. */
export const landmarksOf68 = (points: readonly Point[]): FaceLandmarks => {
  const point = picked(points, 68, 'the iBUG scheme')
  return {
    eyes: [point(36), point(39), point(42), point(45)],
    noseBase: point(33),
    lips: Array.from({ length: 20 }, (_, i) => point(48 + i)),
  }
}

const meshLips = [
  61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 78, 95, 88, 178, 87, 14,
  317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
]

/** Of the 468 points of MediaPipe's face mesh: the eyes' corners 33, 133, 362, 263, the nose 2, the 40 points of the lips. */
export const landmarksOfMesh = (points: readonly Point[]): FaceLandmarks => {
  const point = picked(points, 468, "MediaPipe's mesh")
  return { eyes: [point(33), point(133), point(362), point(263)], noseBase: point(2), lips: meshLips.map(point) }
}

const allPoints = ({ eyes, noseBase, lips }: FaceLandmarks): Point[] => [...eyes, noseBase, ...lips]

const fromPoints = (points: readonly Point[]): FaceLandmarks => ({
  eyes: points.slice(0, 4) as unknown as FaceLandmarks['eyes'],
  noseBase: points[4]!,
  lips: points.slice(5),
})

/** Points between two faces: `share` 0 gives the first, 1 the second. */
const between = (one: FaceLandmarks, other: FaceLandmarks, share: number): FaceLandmarks => {
  const ends = allPoints(other)
  return fromPoints(
    allPoints(one).map(({ x, y }, i) => ({ x: x + share * (ends[i]!.x - x), y: y + share * (ends[i]!.y - y) })),
  )
}

/**
 * Fills frames without a face: between two frames with one evenly, before the first and after the last with the nearest.
 *
 * @throws DataError when there is no face at all.
 */
export const fillLandmarks = (landmarks: readonly (FaceLandmarks | undefined)[]): FaceLandmarks[] => {
  const known = [...landmarks.keys()].filter((frame) => landmarks[frame])
  if (known.length === 0)
    throw new DataError('no frame has a face.', { field: 'landmarks', cure: 'Leave the video out.' })
  let next = 0
  return landmarks.map((face, frame) => {
    while (next < known.length && known[next]! < frame) next++
    if (face) return face
    const [before, after] = [known[next - 1], known[next]]
    if (before === undefined) return landmarks[after!]!
    if (after === undefined) return landmarks[before]!
    return between(landmarks[before]!, landmarks[after]!, (frame - before) / (after - before))
  })
}

/**
 * The mean of a face's points over `window` frames around each, fewer at the ends (always as many before as after), moved to where the
 * face is in that frame: what trembles is the points, what moves is the head.
 */
export const smoothLandmarks = (landmarks: readonly FaceLandmarks[], window: number): FaceLandmarks[] => {
  const points = landmarks.map(allPoints)
  return landmarks.map((_, frame) => {
    const margin = Math.min(Math.floor(window / 2), frame, landmarks.length - 1 - frame)
    const count = 2 * margin + 1
    const own = points[frame]!
    const sums = own.map(() => ({ x: 0, y: 0 }))
    for (let other = frame - margin; other <= frame + margin; other++) {
      for (const [i, { x, y }] of points[other]!.entries()) {
        sums[i]!.x += x / count
        sums[i]!.y += y / count
      }
    }
    let [dx, dy] = [0, 0]
    for (const [i, { x, y }] of own.entries()) {
      dx += (x - sums[i]!.x) / own.length
      dy += (y - sums[i]!.y) / own.length
    }
    return fromPoints(sums.map(({ x, y }) => ({ x: x + dx, y: y + dy })))
  })
}
