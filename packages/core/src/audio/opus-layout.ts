import { AudioError } from '../errors'
import { asciiAt, type ByteParser } from './byte-parser'
import { convertCure, refetchCure } from './decoded-audio'
import { expectPage, lastPage, type OggPage, readPage } from './ogg-pages'
import { OpusPackets } from './opus-packet'

/** What the start and the end of an Ogg Opus file (RFC 7845) say. Opus is always decoded at 48 kHz. */
export interface OpusLayout {
  readonly channels: number
  /** Samples of each channel at 48 kHz, without pre-skip and what follows the end. */
  readonly frames: number
  /** Factor for the samples, from the header's output gain. */
  readonly gain: number
  /** Samples left out at the start. */
  readonly preSkip: number
}

export const opusRate = 48_000

/** Reads the header, the first page of audio and the last page: its position is the length. */
export function* opusLayout(size: number, file?: string): ByteParser<OpusLayout> {
  const head = yield* readPage(0)
  if (head === undefined || !head.isFirst) {
    throw new AudioError('The Ogg file is damaged or truncated in its first page.', { file, cure: refetchCure })
  }
  const { channels, preSkip, gain } = parseHead(head, file)
  const first = yield* firstAudioPage(head, size, file)
  const last = yield* lastPage(size)
  if (last === undefined) {
    throw new AudioError('The Ogg file is truncated: it does not end with a whole page.', { file, cure: refetchCure })
  }
  if (last.serial !== head.serial) {
    throw new AudioError('The Ogg file holds more than one stream.', { file, cure: convertCure })
  }
  if (!last.isLast) {
    throw new AudioError('The Ogg file is truncated: its last page is not marked as such.', { file, cure: refetchCure })
  }
  // The position where the stream begins: not 0 if it was cut out of a longer one (section 4.3).
  const begin = first.at === last.at ? 0 : Math.max(0, first.granule! - new OpusPackets(file).add(first))
  return { channels, gain, preSkip, frames: Math.max(0, (last.granule ?? 0) - begin - preSkip) }
}

function parseHead({ body }: OggPage, file?: string) {
  const fail = (message: string, cure: string): never => {
    throw new AudioError(message, { file, field: 'OpusHead', cure })
  }
  if (body.length < 19 || asciiAt(body, 0, 8) !== 'OpusHead') fail('The Opus header is damaged.', refetchCure)
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const channels = body[9]!
  const family = body[18]!
  if (body[8]! >> 4 !== 0) fail(`Version ${body[8]} of Opus in Ogg is not known.`, convertCure)
  if (channels === 0) fail('The Opus file has no channels.', refetchCure)
  if (family === 0 ? channels > 2 : family !== 1 || channels > 8) {
    fail(`Opus with ${channels} channels of mapping family ${family} is not read.`, convertCure)
  }
  if (family === 1) {
    const [streams, coupled] = [body[19] ?? 0, body[20] ?? 0]
    const mapping = body.subarray(21, 21 + channels)
    const isWhole = mapping.length === channels && streams >= 1 && streams + coupled <= 255 && coupled <= streams
    if (!isWhole || mapping.some((stream) => stream >= streams + coupled && stream !== 255)) {
      fail('The channel mapping of the Opus file is damaged.', refetchCure)
    }
  }
  return { channels, preSkip: view.getUint16(10, true), gain: 10 ** (view.getInt16(16, true) / 256 / 20) }
}

/** The first page on which a packet of audio ends. The comments before it may take many pages. */
function* firstAudioPage(head: OggPage, size: number, file?: string): ByteParser<OggPage> {
  let page = head
  let isInComments = true
  for (let at = head.bytes; at < size; at += page.bytes) {
    page = yield* expectPage(at, page, file)
    if (!isInComments && page.granule !== undefined) return page
    if (isInComments && page.lacing.some((length) => length < 255)) isInComments = false
  }
  throw new AudioError('The Opus file holds no audio.', { file, cure: refetchCure })
}
