import { AudioError } from '../errors'
import { asciiAt, type ByteParser } from './byte-parser'
import { convertCure, refetchCure } from './decoded-audio'
import { id3Length } from './id3'
import { type MpegHeader, parseMpegHeader } from './mp3-header'

/** Where the audio of an MP3 file lies, and how much of it is to be heard. */
export interface Mp3Layout {
  readonly sampleRate: number
  readonly channels: number
  /** Samples of each channel, without what the encoder put before and after. */
  readonly frames: number
  /** First byte of the first frame with audio, and the byte after the last one. */
  readonly start: number
  readonly end: number
  /** Samples that the audio's frames decode to. */
  readonly decodedFrames: number
  /** Samples to leave out at the start: the encoder's delay and the decoder's. */
  readonly skip: number
}

/** How far the first frame may be from the start of the file or the end of its tag. */
const searchBytes = 2 ** 16
/** The delay of every decoder of layer III. */
const decoderDelay = 529

/**
 * Goes through all frames of an MP3 file. Tags before, between and after them are passed over; anything else there is damage. A Xing or Info
 * header tells what the encoder added at both ends (LAME's fields); its count of frames is compared with those found.
 */
export function* mp3Layout(size: number, file?: string): ByteParser<Mp3Layout> {
  let at = yield* firstFrame(size, file)
  const head = (yield { at, length: 4 }).slice()
  const format = parseMpegHeader(head, 0)!
  const info = readInfo((yield { at, length: format.bytes }).slice(), format)
  if (info !== undefined) at += format.bytes
  const start = at
  let count = 0
  let end = at
  while (at < size) {
    const bytes = yield { at, length: 10 }
    const header = parseMpegHeader(bytes, 0)
    if (header === undefined) {
      const tag = yield* tagLength(at, size, bytes.slice())
      if (tag === undefined && size - at < 4) throw truncated(`it ends within its frame ${count}`, file)
      if (tag === undefined) {
        throw new AudioError(`The MP3 file is damaged: no frame begins at byte ${at}.`, { file, cure: refetchCure })
      }
      at += tag
      continue
    }
    if (header.sampleRate !== format.sampleRate || header.channels !== format.channels) {
      throw new AudioError(`The MP3 file changes its rate or channels after ${count} frames.`, {
        file,
        cure: convertCure,
      })
    }
    if (at + header.bytes > size) {
      throw truncated(`it ends within its frame ${count}`, file)
    }
    at += header.bytes
    end = at
    count++
  }
  if (info?.frames !== undefined && info.frames > count) {
    throw truncated(`it holds ${count} of its ${info.frames} frames`, file)
  }
  const decodedFrames = count * format.samples
  const skip = info?.delay === undefined ? 0 : info.delay + decoderDelay
  const cut = info?.padding === undefined ? 0 : Math.max(0, info.padding - decoderDelay)
  const frames = Math.max(0, decodedFrames - skip - cut)
  return { sampleRate: format.sampleRate, channels: format.channels, frames, start, end, decodedFrames, skip }
}

const truncated = (why: string, file?: string) =>
  new AudioError(`The MP3 file is truncated: ${why}.`, { file, cure: refetchCure })

/** The first frame that another one of its kind follows, or the end of the file. */
function* firstFrame(size: number, file?: string): ByteParser<number> {
  let at = 0
  for (;;) {
    const tag = id3Length(yield { at, length: 10 })
    if (tag === 0) break
    at += tag
  }
  if (at >= size) {
    throw truncated('it ends within its tag', file)
  }
  const last = Math.min(size, at + searchBytes)
  for (; at < last; at++) {
    const header = parseMpegHeader(yield { at, length: 4 }, 0)
    if (header === undefined) continue
    const next = at + header.bytes
    if (next === size) return at
    const following = parseMpegHeader(yield { at: next, length: 4 }, 0)
    const fits = following?.sampleRate === header.sampleRate && following.channels === header.channels
    if (fits || (yield { at: next, length: 3 }).every((byte, i) => byte === 'TAG'.charCodeAt(i))) return at
  }
  throw new AudioError('No frame of MPEG audio, layer III, is found in the file.', { file, cure: convertCure })
}

/** Length of a tag that follows the audio, as far as it matters; undefined if there is none. */
function* tagLength(at: number, size: number, bytes: Uint8Array): ByteParser<number | undefined> {
  const id3 = id3Length(bytes)
  if (id3 > 0) return id3
  if (asciiAt(bytes, 0, 3) === 'TAG') return 128
  if (['APETAGEX', 'LYRICSBE'].includes(asciiAt(bytes, 0, 8))) return size - at
  // Padding with zeros to the end, as some tools leave it.
  for (let from = at; from < size; from += 4096) {
    if ((yield { at: from, length: 4096 }).some((byte) => byte !== 0)) return undefined
  }
  return size - at
}

/** What a first frame without audio says about the others. */
interface StreamInfo {
  readonly frames?: number
  /** Samples that the encoder put before the recording, and after it. */
  readonly delay?: number
  readonly padding?: number
}

function readInfo(frame: Uint8Array, { sideEnd }: MpegHeader): StreamInfo | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (asciiAt(frame, 36, 4) === 'VBRI' && frame.length >= 54) return { frames: view.getUint32(50) }
  if (!['Xing', 'Info'].includes(asciiAt(frame, sideEnd, 4)) || frame.length < sideEnd + 8) return undefined
  const flags = view.getUint32(sideEnd + 4)
  let at = sideEnd + 8
  const take = (flag: number, bytes: number) => {
    const here = at
    if ((flags & flag) === 0) return undefined
    at += bytes
    return at <= frame.length ? here : undefined
  }
  const framesAt = take(1, 4)
  take(2, 4)
  take(4, 100)
  take(8, 4)
  const frames = framesAt === undefined ? {} : { frames: view.getUint32(framesAt) }
  // The encoder's name, then its fields; the two lengths share the three bytes from the 22nd.
  if (at + 24 > frame.length || frame[at] === 0) return frames
  const packed = (frame[at + 21]! << 16) | (frame[at + 22]! << 8) | frame[at + 23]!
  return { ...frames, delay: packed >>> 12, padding: packed & 0xfff }
}
