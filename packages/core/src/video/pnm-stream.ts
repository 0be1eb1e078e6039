import { VideoError } from '../errors'
import type { VideoFrame } from './video'

/** Longest header that is looked at: `P5`, width, height and 255, with their separators. */
const longestHeader = 32
/** Largest side of a frame, in pixels. */
const largestSide = 16_384

/**
 * Takes images in the portable grey or pixel map formats (`P5`, `P6`, 255 levels) apart, one behind the other in a stream, as
 * ffmpeg's `image2pipe` writes them.
 *
 * @param file named in errors.
 * @throws VideoError where the stream is no such images, or ends within one.
 */
export async function* pnmImages(stream: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<VideoFrame, void> {
  let rest: Uint8Array = new Uint8Array(0)
  let frame: { readonly image: VideoFrame; filled: number } | undefined
  for await (const chunk of stream) {
    let at = 0
    if (rest.length > 0) {
      rest = Buffer.concat([rest, chunk])
    } else rest = chunk
    while (true) {
      if (!frame) {
        const header = readHeader(rest.subarray(at), file)
        if (!header) break
        at += header.length
        frame = { image: header.image, filled: 0 }
      }
      const { data } = frame.image
      const piece = rest.subarray(at, at + data.length - frame.filled)
      data.set(piece, frame.filled)
      frame.filled += piece.length
      at += piece.length
      if (frame.filled < data.length) break
      yield frame.image
      frame = undefined
    }
    rest = rest.slice(at)
  }
  if (frame || rest.length > 0) throw new VideoError('the stream of frames ends within one.', { file })
}

/** Undefined while more is needed to see all of it. */
const readHeader = (bytes: Uint8Array, file: string): { length: number; image: VideoFrame } | undefined => {
  const text = Buffer.from(bytes.subarray(0, longestHeader)).toString('latin1')
  const match = /^P([56])\s+(\d{1,5})\s+(\d{1,5})\s+255\s/.exec(text)
  if (!match) {
    if (bytes.length < longestHeader) return undefined
    throw new VideoError('the stream of frames has something else in it.', { file })
  }
  const [width, height] = [Number(match[2]), Number(match[3])]
  if (width < 1 || height < 1 || width > largestSide || height > largestSide) {
    throw new VideoError(`its frames are ${width} x ${height} pixels.`, {
      file,
      cure: `Scale it down to ${largestSide} pixels a side.`,
    })
  }
  const channels = match[1] === '5' ? 1 : 3
  return {
    length: match[0].length,
    image: { data: new Uint8Array(width * height * channels), width, height, channels },
  }
}
