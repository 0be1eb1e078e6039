import { DataError } from '../errors'
import { type FaceLandmarks, fillLandmarks, smoothLandmarks } from './landmarks'
import { sampleFrame } from './sample'
import { applySimilarity, fitSimilarity, invertSimilarity, meanPoint, type Point } from './similarity'
import { frameOf, type Video } from './video'

/** Where the eyes' corners and the nose's base of a mean face lie in an image of 256 x 256 pixels. */
const meanFace: readonly Point[] = [
  { x: 92.5, y: 94.4 },
  { x: 112.8, y: 94.9 },
  { x: 145.5, y: 94.5 },
  { x: 166.7, y: 93.6 },
  { x: 128.9, y: 137.3 },
]
const meanFaceSize = 256

export interface MouthCropOptions {
  /** Pixels a side of the crops, out of a face of 256. Default 96, of which models take 88. */
  readonly size?: number
  /** Frames that a face's points are averaged over. Default 13. */
  readonly smoothing?: number
}

/**
 * Cuts the mouth out of each frame: the face is turned, scaled and shifted so that eyes and nose come to lie where a mean face has them, and a
 * square around the mean of the lips' points is cut. It is the preparation of LRS3 in AV-HuBERT (section 4.1) and of the lip-reading work
 * before it.
 *
 * @param landmarks Of each frame; undefined where no face was found: they are filled in.
 * @returns `[frames, size, size, channels]`.
 * @throws DataError when there is no face, or landmarks for another number of frames.
 */
export const cropMouths = (
  video: Video,
  landmarks: readonly (FaceLandmarks | undefined)[],
  { size = 96, smoothing = 13 }: MouthCropOptions = {},
): Video => {
  if (landmarks.length !== video.frames) {
    throw new DataError(`there are landmarks for ${landmarks.length} frames of ${video.frames}.`, {
      field: 'landmarks',
    })
  }
  if (!(Number.isInteger(size) && size >= 1 && size <= meanFaceSize)) {
    throw new DataError(`size is ${size}.`, { field: 'size', cure: `Use 1 to ${meanFaceSize} pixels.` })
  }
  const bytes = size * size * video.channels
  const data = new Uint8Array(video.frames * bytes)
  for (const [index, { eyes, noseBase, lips }] of smoothLandmarks(fillLandmarks(landmarks), smoothing).entries()) {
    const toMean = fitSimilarity([...eyes, noseBase], meanFace)
    if (!toMean || toMean.a === 0) {
      throw new DataError(`the points of frame ${index} are no face.`, {
        field: 'landmarks',
        cure: 'Leave the video out.',
      })
    }
    const mouth = applySimilarity(toMean, meanPoint(lips))
    const corner = (middle: number) => Math.min(Math.max(Math.round(middle) - size / 2, 0), meanFaceSize - size)
    const [left, top] = [corner(mouth.x), corner(mouth.y)]
    const toFrame = invertSimilarity(toMean)
    const origin = applySimilarity(toFrame, { x: left, y: top })
    sampleFrame(
      frameOf(video, index),
      { ...toFrame, tx: origin.x, ty: origin.y },
      data.subarray(index * bytes, (index + 1) * bytes),
      { height: size, width: size },
    )
  }
  return { ...video, data, height: size, width: size }
}

/** A rectangle of a frame, in pixels. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/**
 * Cuts a box out of each frame and scales it to `size` x `size` pixels (default 96), for corpora that come with boxes around the mouth.
 * A box that is no square is widened to one around its middle.
 *
 * @param boxes Of each frame, or one for all.
 */
export const cropBoxes = (video: Video, boxes: Box | readonly Box[], { size = 96 }: { size?: number } = {}): Video => {
  const of = 'length' in boxes ? boxes : Array.from({ length: video.frames }, () => boxes)
  if (of.length !== video.frames) {
    throw new DataError(`there are boxes for ${of.length} frames of ${video.frames}.`, { field: 'boxes' })
  }
  const bytes = size * size * video.channels
  const data = new Uint8Array(video.frames * bytes)
  for (const [index, { left, top, width, height }] of of.entries()) {
    const side = Math.max(width, height)
    if (!(side > 0)) throw new DataError(`the box of frame ${index} is empty.`, { field: 'boxes' })
    const scale = side / size
    // Pixels are squares: the middle of the first of the crop is half of `scale` from its edge.
    const edge = (start: number, length: number) => start + (length - side) / 2 + (scale - 1) / 2
    const toFrame = { a: scale, b: 0, tx: edge(left, width), ty: edge(top, height) }
    sampleFrame(frameOf(video, index), toFrame, data.subarray(index * bytes, (index + 1) * bytes), {
      height: size,
      width: size,
    })
  }
  return { ...video, data, height: size, width: size }
}
