import { AudioError } from '../errors'
import { asciiAt, type ByteParser } from './byte-parser'
import { convertCure, refetchCure } from './decoded-audio'

/** One page of an Ogg file (RFC 3533), its checksum verified. */
export interface OggPage {
  readonly at: number
  /** Of the whole page. */
  readonly bytes: number
  readonly serial: number
  readonly sequence: number
  /** Position of the last packet that ends in the page, in samples; undefined if none does. */
  readonly granule?: number
  readonly isContinued: boolean
  readonly isFirst: boolean
  readonly isLast: boolean
  /** Lengths of the pieces of packets; a piece of 255 bytes goes on in the next one. */
  readonly lacing: Uint8Array
  readonly body: Uint8Array
}

/** Longest possible page. */
export const largestPage = 27 + 255 + 255 * 255

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1
  return crc >>> 0
})

/** The page's own field of the checksum, bytes 22 to 25, counts as zero. */
export function oggCrc(page: Uint8Array): number {
  let crc = 0
  for (let i = 0; i < page.length; i++) {
    const byte = i >= 22 && i < 26 ? 0 : page[i]!
    crc = ((crc << 8) ^ crcTable[((crc >>> 24) ^ byte) & 255]!) >>> 0
  }
  return crc
}

/**
 * Reads the page at `at`.
 *
 * @returns undefined if no whole page with a right checksum is there.
 */
export function* readPage(at: number): ByteParser<OggPage | undefined> {
  const head = yield { at, length: 27 }
  if (head.length < 27 || asciiAt(head, 0, 4) !== 'OggS' || head[4] !== 0) return undefined
  const segments = head[26]!
  const table = yield { at: at + 27, length: segments }
  if (table.length < segments) return undefined
  const bytes = 27 + segments + table.reduce((sum, length) => sum + length, 0)
  const page = (yield { at, length: bytes }).slice()
  if (page.length < bytes) return undefined
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength)
  if (view.getUint32(22, true) !== oggCrc(page)) return undefined
  const granule = view.getBigInt64(6, true)
  return {
    at,
    bytes,
    serial: view.getUint32(14, true),
    sequence: view.getUint32(18, true),
    ...(granule < 0n ? {} : { granule: Number(granule) }),
    isContinued: (page[5]! & 1) !== 0,
    isFirst: (page[5]! & 2) !== 0,
    isLast: (page[5]! & 4) !== 0,
    lacing: page.subarray(27, 27 + segments),
    body: page.subarray(27 + segments),
  }
}

/** The page at `at` of the stream `serial`, in its turn. */
export function* expectPage(at: number, previous: OggPage, file?: string): ByteParser<OggPage> {
  const page = yield* readPage(at)
  if (page === undefined) {
    throw new AudioError(`The Ogg file is damaged or truncated: no whole page is at byte ${at}.`, {
      file,
      cure: refetchCure,
    })
  }
  if (page.serial !== previous.serial || page.isFirst) {
    throw new AudioError('The Ogg file holds more than one stream.', { file, cure: convertCure })
  }
  if (page.sequence !== previous.sequence + 1) {
    throw new AudioError(`The Ogg file lacks pages: ${page.sequence} follows on ${previous.sequence}.`, {
      file,
      cure: refetchCure,
    })
  }
  return page
}

/** The last whole page of a file. */
export function* lastPage(size: number): ByteParser<OggPage | undefined> {
  const from = Math.max(0, size - largestPage)
  const tail = (yield { at: from, length: largestPage }).slice()
  for (let at = tail.length - 27; at >= 0; at--) {
    if (tail[at] !== 0x4f || asciiAt(tail, at, 4) !== 'OggS') continue
    // The checksum of a page takes time: that of every "OggS" in it, too much.
    const segments = tail[at + 26]!
    const table = tail.subarray(at + 27, at + 27 + segments)
    if (at + 27 + table.reduce((sum, length) => sum + length, segments) !== tail.length) continue
    const page = yield* readPage(from + at)
    if (page !== undefined) return page
  }
  return undefined
}
