import { readSync } from 'node:fs'
import { AudioError } from '../errors'
import { parseFile, readBytes } from './byte-parser'
import { checkSamples, type DecodedAudio, refetchCure } from './decoded-audio'
import { decodeFlacRange } from './flac'
import { type FlacLayout, findFrame, flacLayout } from './flac-layout'
import type { OpenAudio } from './open-audio'
import { resample, resampledLength, resampleSpan } from './resample'
import { decodeWavData } from './wav'
import { type WavLayout, wavLayout } from './wav-layout'

export function checkRange(start: number, frames: number): void {
  for (const [field, value, least] of [
    ['start', start, 0],
    ['frames', frames, 1],
  ] as const) {
    if ((Number.isSafeInteger(value) || (field === 'frames' && value === Number.POSITIVE_INFINITY)) && value >= least)
      continue
    throw new AudioError(`${field} is ${value}.`, { field, cure: `Use a whole number of samples from ${least}.` })
  }
}

export function checkStart(start: number, length: number, file: string): void {
  if (start < length) return
  throw new AudioError(`The recording has ${length} samples, so that none is left from ${start} on.`, {
    file,
    field: 'start',
    cure: 'Check the lengths in the manifest.',
  })
}

/** A part of a recording, in samples at the rate wanted. */
export interface AudioRange {
  readonly sampleRate: number
  readonly start: number
  readonly frames: number
}

/**
 * Reads and decodes what a part of a WAV or FLAC file needs.
 *
 * @returns The samples at the rate wanted, but with the file's own rate; undefined for a FLAC file in which the part is not found.
 */
export async function readPart(
  file: OpenAudio,
  path: string,
  { sampleRate, start, frames }: AudioRange,
): Promise<DecodedAudio | undefined> {
  const { handle, size } = file
  const wav = file.format === 'wav' ? await parseFile(wavLayout(size, path), handle, size) : undefined
  const flac = wav === undefined ? await parseFile(flacLayout(size, path), handle, size) : undefined
  const { sampleRate: rate, channels } = (wav ?? flac)!
  const total = wav?.frames ?? flac!.totalSamples
  if (flac !== undefined && total === 0) return undefined
  const length = resampledLength(total, rate, sampleRate)
  checkStart(start, length, path)
  const end = Math.min(length, start + frames)
  const span = resampleSpan(rate, sampleRate, start, end)
  const to = Math.min(total, span.to)
  const source =
    wav === undefined
      ? await readFlacSamples(file, flac!, span.from, to)
      : await readWavSamples(handle, wav, span.from, to, path)
  if (source === undefined) return undefined
  checkSamples(source, path)
  const samples = resample(source, rate, sampleRate).slice(span.start, span.start + end - start)
  return { samples, sampleRate: rate, channels }
}

async function readFlacSamples(
  { handle, size }: OpenAudio,
  layout: FlacLayout,
  from: number,
  to: number,
): Promise<Float32Array | undefined> {
  const frameAt = await parseFile(findFrame(layout, size, from), handle, size)
  const readAt = (at: number, length: number) => {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, size - at)))
    return bytes.subarray(0, readSync(handle.fd, bytes, 0, bytes.length, at))
  }
  return decodeFlacRange(readAt, layout, frameAt, from, to)
}

/** Samples of WAV data decoded at a time, so that a long recording is not held twice. */
const blockFrames = 2 ** 18

/** Reads the samples `from` to before `to` of a WAV file. */
export async function readWavSamples(
  handle: OpenAudio['handle'],
  layout: WavLayout,
  from: number,
  to: number,
  path: string,
): Promise<Float32Array> {
  const frameBytes = layout.sampleBytes * layout.channels
  const samples = new Float32Array(to - from)
  for (let at = from; at < to; at += blockFrames) {
    const count = Math.min(blockFrames, to - at)
    const bytes = await readBytes(handle, layout.start + at * frameBytes, count * frameBytes)
    if (bytes.length < count * frameBytes) {
      throw new AudioError('The file became shorter while it was read.', { file: path, cure: refetchCure })
    }
    decodeWavData(bytes, layout, samples.subarray(at - from))
  }
  return samples
}
