import { DataError } from '../errors'
import type { Video } from './video'

export interface VideoInputOptions {
  /** Pixels a side. Default 88. */
  readonly size?: number
  /** First row and column of the square that is taken. Default: the middle one. Training draws them, the same for a whole clip. */
  readonly top?: number
  readonly left?: number
  /** Whether left and right change places, as they do in half of the training clips. Default false. */
  readonly flip?: boolean
  /** Mean and standard deviation of pixels in [0, 1]. Default 0.421 and 0.165, AV-HuBERT's. */
  readonly mean?: number
  readonly standardDeviation?: number
}

/**
 * What an audio-visual model takes of grey mouth crops: a square of each frame, as `(pixel / 255 - mean) / standardDeviation`.
 *
 * @returns `[frames, size, size]`.
 */
export const videoInput = (video: Video, options: VideoInputOptions = {}): Float32Array => {
  const { size = 88, flip = false, mean = 0.421, standardDeviation = 0.165 } = options
  const { top = Math.floor((video.height - size) / 2), left = Math.floor((video.width - size) / 2) } = options
  if (video.channels !== 1)
    throw new DataError('the model takes grey frames.', { field: 'channels', cure: "Read with color: 'gray'." })
  if (top < 0 || left < 0 || top + size > video.height || left + size > video.width) {
    throw new DataError(
      `a square of ${size} pixels from row ${top} and column ${left} is not within ${video.width} x ${video.height}.`,
      { field: 'size' },
    )
  }
  const [factor, offset] = [1 / (255 * standardDeviation), -mean / standardDeviation]
  const result = new Float32Array(video.frames * size * size)
  let to = 0
  for (let frame = 0; frame < video.frames; frame++) {
    for (let row = 0; row < size; row++) {
      const from = (frame * video.height + top + row) * video.width + left
      for (let column = 0; column < size; column++) {
        result[to++] = video.data[from + (flip ? size - 1 - column : column)]! * factor + offset
      }
    }
  }
  return result
}
