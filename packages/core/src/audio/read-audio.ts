import { parseBytes, parseFile } from './byte-parser'
import { checkSampleRate, checkSamples, type DecodedAudio } from './decoded-audio'
import { decodeFlac } from './flac'
import { decodeMp3 } from './mp3'
import { type OpenAudio, readSpecialFile, withAudioFile } from './open-audio'
import { decodeOpus } from './opus'
import { checkRange, checkStart, readPart, readWavSamples } from './read-part'
import { resample } from './resample'
import { type AudioFormat, sniffFormat } from './sniff'
import { decodeWav } from './wav'
import { wavLayout } from './wav-layout'

export interface ReadAudioOptions {
  /** Rate of the samples returned, in Hz. Default 16000, the rate of the speech models. */
  readonly sampleRate?: number
  /** First sample to return, counted at the rate asked for. Default 0. */
  readonly start?: number
  /** Samples to return at most, at the rate asked for. Default: up to the end. */
  readonly frames?: number
}

export interface Audio extends DecodedAudio {
  /** Rate of the samples, in Hz: the one asked for. */
  readonly sampleRate: number
  /** Rate of the file, in Hz. */
  readonly sourceSampleRate: number
}

/**
 * Reads a recording, or a part of it, as mono samples at the rate asked for. WAV, FLAC, MP3 and Ogg Opus files are recognised by their content,
 * whatever their name; channels are averaged; other rates are converted by {@link resample}.
 *
 * A part is exactly what a slice of the whole would be. Of WAV and FLAC files only that part is read and decoded; MP3 and Opus, whose frames
 * depend on those before them, are decoded whole.
 *
 * @throws AudioError naming the file if it is missing, empty, truncated, damaged, of another format, holds no usable audio, or ends before `start`.
 */
export async function readAudio(path: string, options: ReadAudioOptions = {}): Promise<Audio> {
  const { sampleRate = 16_000, start = 0, frames = Number.POSITIVE_INFINITY } = options
  checkSampleRate(sampleRate)
  const isRange = start !== 0 || frames !== Number.POSITIVE_INFINITY
  if (isRange) checkRange(start, frames)
  const special = await readSpecialFile(path)
  if (special !== undefined) return finish(await decodeAudio(special, path))
  return withAudioFile(path, async (file) => {
    if (isRange && (file.format === 'wav' || file.format === 'flac')) {
      const part = await readPart(file, path, { sampleRate, start, frames })
      if (part !== undefined) return { ...part, sampleRate, sourceSampleRate: part.sampleRate }
    }
    return finish(await decodeWhole(file, path))
  })

  function finish(decoded: DecodedAudio): Audio {
    const samples = resample(decoded.samples, decoded.sampleRate, sampleRate)
    if (isRange) checkStart(start, samples.length, path)
    return {
      samples: isRange ? samples.slice(start, start + frames) : samples,
      sampleRate,
      sourceSampleRate: decoded.sampleRate,
      channels: decoded.channels,
    }
  }
}

/**
 * Decodes the content of a WAV, FLAC, MP3 or Ogg Opus file, whichever it is, at its own rate.
 *
 * @param file named in errors.
 * @throws AudioError if it is none of them, or cannot be decoded.
 */
export async function decodeAudio(bytes: Uint8Array, file?: string): Promise<DecodedAudio> {
  return decoders[parseBytes(sniffFormat(bytes.length, file), bytes)](bytes, file)
}

const decoders: Record<AudioFormat, (bytes: Uint8Array, file?: string) => DecodedAudio | Promise<DecodedAudio>> = {
  wav: decodeWav,
  flac: decodeFlac,
  mp3: decodeMp3,
  opus: decodeOpus,
}

/** WAV files, which can be larger than memory holds twice, are decoded block by block. */
async function decodeWhole({ handle, size, format }: OpenAudio, path: string): Promise<DecodedAudio> {
  if (format !== 'wav') return decoders[format](await handle.readFile(), path)
  const layout = await parseFile(wavLayout(size, path), handle, size)
  const samples = await readWavSamples(handle, layout, 0, layout.frames, path)
  checkSamples(samples, path)
  return { samples, sampleRate: layout.sampleRate, channels: layout.channels }
}
