import { readFile } from 'node:fs/promises'
import { AudioError } from '../errors'
import { checkSampleRate, convertCure, type DecodedAudio, readFormats, refetchCure } from './decoded-audio'
import { decodeFlac, id3Length, isFlac } from './flac'
import { resample } from './resample'
import { decodeWav } from './wav'

export interface ReadAudioOptions {
  /** Rate of the samples returned, in Hz. Default 16000, the rate of the speech models. */
  readonly sampleRate?: number
}

export interface Audio extends DecodedAudio {
  /** Rate of the samples, in Hz: the one asked for. */
  readonly sampleRate: number
  /** Rate of the file, in Hz. */
  readonly sourceSampleRate: number
}

/**
 * Reads a recording as mono samples at the rate asked for. WAV and FLAC files are recognised by their content, whatever
 * their name; channels are averaged; other rates are converted by {@link resample}.
 *
 * @throws AudioError naming the file if it is missing, empty, truncated, damaged, of another format, or holds no usable audio.
 */
export async function readAudio(path: string, options: ReadAudioOptions = {}): Promise<Audio> {
  const { sampleRate = 16_000 } = options
  checkSampleRate(sampleRate)
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw readError(path, cause)
  })
  const decoded = await decodeAudio(bytes, path)
  return {
    samples: resample(decoded.samples, decoded.sampleRate, sampleRate),
    sampleRate,
    sourceSampleRate: decoded.sampleRate,
    channels: decoded.channels,
  }
}

/**
 * Decodes the content of a WAV or FLAC file, whichever it is, at its own rate.
 *
 * @param file named in errors.
 * @throws AudioError if it is neither, or cannot be decoded.
 */
export async function decodeAudio(bytes: Uint8Array, file?: string): Promise<DecodedAudio> {
  if (bytes.length === 0) throw new AudioError('The file is empty.', { file, cure: refetchCure })
  const form = asciiAt(bytes, 0, 4)
  if ((form === 'RIFF' || form === 'RF64') && asciiAt(bytes, 8, 4) === 'WAVE') return decodeWav(bytes, file)
  if (isFlac(bytes.subarray(id3Length(bytes)))) return decodeFlac(bytes, file)
  if (asciiAt(bytes, 0, 20) === 'version https://git-') {
    throw new AudioError('This is a Git LFS pointer, not the recording itself.', { file, cure: 'Run `git lfs pull`.' })
  }
  const found = describe(bytes)
  if (form === 'RIFF' && bytes.length < 12) {
    throw new AudioError('The file is truncated within its header.', { file, cure: refetchCure })
  }
  throw new AudioError(`This is ${found ?? 'not a recording'}; the formats that are read are ${readFormats}.`, {
    file,
    cure: found === undefined ? 'Check the path.' : convertCure,
  })
}

const signatures: readonly (readonly [at: number, text: string, name: string])[] = [
  [0, 'OggS', 'an Ogg file (Vorbis, Opus or FLAC in Ogg)'],
  [0, 'ID3', 'an MP3 file'],
  [0, 'FORM', 'an AIFF file'],
  [0, 'RIFX', 'a big-endian WAV file'],
  [0, '.snd', 'an AU file'],
  [0, 'caff', 'a Core Audio file'],
  [0, 'NIST_1A', 'a NIST SPHERE file'],
  [0, '#!AMR', 'an AMR file'],
  [0, 'wvpk', 'a WavPack file'],
  [0, '\x1aE\xdf\xa3', 'a Matroska or WebM file'],
  [4, 'ftyp', 'an MPEG-4 file'],
  [8, 'AVI ', 'an AVI file'],
]

function describe(bytes: Uint8Array): string | undefined {
  const known = signatures.find(([at, text]) => asciiAt(bytes, at, text.length) === text)
  if (known !== undefined) return known[2]
  // Eleven set bits begin a frame of MPEG audio; the all-ones layer or rate is no frame.
  const isMpeg = bytes[0] === 0xff && (bytes[1]! & 0xe0) === 0xe0 && bytes[1] !== 0xff && bytes[1] !== 0xfe
  return isMpeg ? 'an MPEG audio file (MP3 or AAC)' : undefined
}

function asciiAt(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length))
}

function readError(file: string, cause: unknown): AudioError {
  const code = (cause as NodeJS.ErrnoException).code
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new AudioError('There is no such file.', { file, cure: 'Check the path.', cause })
    case 'EISDIR':
      return new AudioError('This is a folder.', { file, cure: 'Name a recording in it.', cause })
    case 'ERR_FS_FILE_TOO_LARGE':
      return new AudioError('The file is larger than 2 GiB.', { file, cure: 'Split the recording.', cause })
    default:
      return new AudioError(`The file cannot be read (${code ?? String(cause)}).`, {
        file,
        cure: 'Check its permissions.',
        cause,
      })
  }
}
