import { VideoError } from '../errors'
import { decodeWithFfmpeg } from './ffmpeg'
import { pnmImages } from './pnm-stream'
import type { Video, VideoFrame } from './video'

export interface ReadVideoOptions {
  /** Frames a second; videos of other rates lose or repeat frames. Default 25, that of the audio-visual speech models. */
  readonly fps?: number
  /** Default `gray`. */
  readonly color?: 'gray' | 'rgb'
  /** A longer video is refused. Default 15,000: ten minutes. */
  readonly maxFrames?: number
  readonly signal?: AbortSignal
}

const defaultMaxFrames = 15_000

/**
 * Reads a video's frames one by one, with ffmpeg; only one is in memory.
 *
 * @throws VideoError naming the file where it cannot be read, has no picture, or is too long, or where there is no ffmpeg.
 */
export async function* videoFrames(path: string, options: ReadVideoOptions = {}): AsyncGenerator<VideoFrame, void> {
  const { fps = 25, color = 'gray', maxFrames = defaultMaxFrames, signal } = options
  if (!(fps > 0 && fps <= 1000))
    throw new VideoError(`fps is ${fps}.`, { field: 'fps', cure: 'Use a number up to 1000.' })
  const format = color === 'gray' ? ['-c:v', 'pgm', '-pix_fmt', 'gray'] : ['-c:v', 'ppm', '-pix_fmt', 'rgb24']
  const output = ['-map', '0:v:0', '-vf', `fps=${fps}`, '-f', 'image2pipe', ...format]
  let frames = 0
  let first: VideoFrame | undefined
  for await (const frame of pnmImages(decodeWithFfmpeg(path, output, signal), path)) {
    first ??= frame
    if (frame.width !== first.width || frame.height !== first.height) {
      throw new VideoError(
        `frame ${frames} is ${frame.width} x ${frame.height} pixels, the first ${first.width} x ${first.height}.`,
        { file: path },
      )
    }
    if (++frames > maxFrames) {
      throw new VideoError(`it has more than ${maxFrames} frames at ${fps} a second.`, {
        file: path,
        cure: 'Cut it into utterances, or raise maxFrames.',
      })
    }
    yield frame
  }
  if (frames === 0) throw new VideoError('it has no frame.', { file: path, cure: 'Leave it out.' })
}

/**
 * Reads a video whole: see {@link videoFrames}.
 *
 * @returns `[frames, height, width, channels]` bytes.
 */
export const readVideo = async (path: string, options: ReadVideoOptions = {}): Promise<Video> => {
  const frames: VideoFrame[] = []
  for await (const frame of videoFrames(path, options)) frames.push(frame)
  const { height, width, channels } = frames[0]!
  const data = new Uint8Array(frames.length * frames[0]!.data.length)
  for (const [i, frame] of frames.entries()) data.set(frame.data, i * frame.data.length)
  return { data, frames: frames.length, height, width, channels, fps: options.fps ?? 25 }
}

/**
 * Reads the sound of a video, with ffmpeg: mono (the mean of the channels) at `sampleRate` Hz, by default 16,000. About [-1, 1].
 *
 * @param options `maxSeconds`: longer sound is refused; default 600, as with frames. A few bytes can stand for hours of silence.
 * @throws VideoError as {@link videoFrames}, or where the video has no sound.
 */
export const readSoundtrack = async (
  path: string,
  {
    sampleRate = 16_000,
    maxSeconds = 600,
    signal,
  }: { sampleRate?: number; maxSeconds?: number; signal?: AbortSignal } = {},
): Promise<Float32Array> => {
  const output = ['-map', '0:a:0', '-ac', '1', '-ar', String(sampleRate), '-f', 'f32le', '-c:a', 'pcm_f32le']
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of decodeWithFfmpeg(path, output, signal)) {
    pieces.push(piece)
    length += piece.length
    if (length <= 4 * sampleRate * maxSeconds) continue
    throw new VideoError(`it has more than ${maxSeconds} seconds of sound.`, {
      file: path,
      cure: 'Cut it into utterances, or raise maxSeconds.',
    })
  }
  const bytes = Buffer.concat(pieces)
  if (bytes.length < 4) throw new VideoError('it has no sound.', { file: path, cure: 'Leave it out.' })
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 4 * Math.floor(bytes.length / 4)))
}
