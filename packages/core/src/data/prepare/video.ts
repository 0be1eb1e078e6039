import { stat } from 'node:fs/promises'
import { encodeWav } from '../../audio/index'
import { writeFileAtomic } from '../../checkpoint/index'
import { findFfmpeg, readSoundtrack, videoFrames } from '../../video/index'
import { mp4Frames } from './mp4-frames'

/**
 * Takes the sound out of a video with ffmpeg, as a mono WAV file of 16 bits. A target that is there is kept.
 *
 * @throws VideoError naming the video when ffmpeg is not there, or the video has no sound.
 */
export const extractAudio = async (
  video: string,
  target: string,
  sampleRate: number,
  signal?: AbortSignal,
): Promise<void> => {
  const isThere = await stat(target).then(
    ({ size }) => size > 44,
    () => false,
  )
  if (isThere) return
  const samples = await readSoundtrack(video, { sampleRate, ...(signal ? { signal } : {}) })
  await writeFileAtomic(target, encodeWav(samples, sampleRate))
}

/**
 * Frames of a video at 25 a second: from the index of MP4 and MOV files, else by decoding it with ffmpeg.
 *
 * @returns undefined where that cannot be found out.
 */
export const countVideoFrames = async (video: string, signal?: AbortSignal): Promise<number | undefined> => {
  const indexed = await mp4Frames(video).catch(() => undefined)
  if (indexed !== undefined) return indexed
  if (!findFfmpeg()) return undefined
  let frames = 0
  try {
    for await (const _ of videoFrames(video, signal ? { signal } : {})) frames++
  } catch {
    signal?.throwIfAborted()
  }
  return frames > 0 ? frames : undefined
}
