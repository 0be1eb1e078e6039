import { applySimilarity, type Similarity } from './similarity'
import type { VideoFrame } from './video'

/**
 * Fills `target`, `[height, width, channels]`, with what lies in a frame where `toFrame` puts its pixels' middles, between four pixels each;
 * outside of the frame is black.
 */
export const sampleFrame = (
  frame: VideoFrame,
  toFrame: Similarity,
  target: Uint8Array,
  { height, width }: { height: number; width: number },
): void => {
  const { channels } = frame
  const at = (x: number, y: number, channel: number): number =>
    x < 0 || y < 0 || x >= frame.width || y >= frame.height
      ? 0
      : frame.data[(y * frame.width + x) * channels + channel]!
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const { x, y } = applySimilarity(toFrame, { x: column, y: row })
      const [left, top] = [Math.floor(x), Math.floor(y)]
      const [right, down] = [x - left, y - top]
      for (let channel = 0; channel < channels; channel++) {
        const upper = at(left, top, channel) * (1 - right) + at(left + 1, top, channel) * right
        const lower = at(left, top + 1, channel) * (1 - right) + at(left + 1, top + 1, channel) * right
        target[(row * width + column) * channels + channel] = Math.round(upper * (1 - down) + lower * down)
      }
    }
  }
}
