import { AudioError } from '../errors'
import { asciiAt, type ByteParser } from './byte-parser'
import { checkSampleRate, convertCure, refetchCure } from './decoded-audio'
import { id3Length } from './id3'

/** What the STREAMINFO block at the start of a FLAC file says, and where the audio begins. */
export interface FlacLayout {
  readonly sampleRate: number
  readonly channels: number
  readonly bitsPerSample: number
  /** Samples of each frame but the last one; 0 if frames differ in length. */
  readonly blockSize: number
  /** Samples of each channel; 0 if the encoder did not know. */
  readonly totalSamples: number
  /** MD5 of all samples, interleaved, little-endian; zeros if the encoder did not compute it. */
  readonly md5: string
  /** The stream's first 42 bytes: its name and STREAMINFO. */
  readonly head: Uint8Array
  /** Byte where the first frame begins. */
  readonly audioStart: number
}

/** 18 hours at 16 kHz. A few bytes of FLAC can stand for any length of silence, so the length needs a bound of its own. */
export const mostFlacSamples = 2 ** 30

/** Reads the headers of a FLAC file. */
export function* flacLayout(size: number, file?: string): ByteParser<FlacLayout> {
  const start = id3Length(yield { at: 0, length: 10 })
  const head = (yield { at: start, length: 42 }).slice()
  if (asciiAt(head, 0, 4) !== 'fLaC') throw new AudioError('This is not a FLAC file.', { file, cure: convertCure })
  if (head.length < 42)
    throw new AudioError('The FLAC file is truncated within its header.', { file, cure: refetchCure })
  const view = new DataView(head.buffer, head.byteOffset, 42)
  if ((view.getUint32(4) & 0x7fffffff) !== 34) {
    throw new AudioError('The FLAC file does not begin with a STREAMINFO block.', { file, cure: refetchCure })
  }
  const packed = view.getUint32(18)
  const [leastBlock, mostBlock] = [view.getUint16(8), view.getUint16(10)]
  const info = {
    sampleRate: packed >>> 12,
    channels: ((packed >>> 9) & 7) + 1,
    bitsPerSample: ((packed >>> 4) & 31) + 1,
    blockSize: leastBlock === mostBlock ? mostBlock : 0,
    totalSamples: (packed & 15) * 2 ** 32 + view.getUint32(22),
    md5: Buffer.from(head.subarray(26, 42)).toString('hex'),
  }
  checkSampleRate(info.sampleRate, file)
  if (![8, 16, 24].includes(info.bitsPerSample)) {
    throw new AudioError(`FLAC of ${info.bitsPerSample} bits is not read.`, { file, cure: convertCure })
  }
  if (info.totalSamples > mostFlacSamples) {
    throw new AudioError(`The FLAC file claims ${info.totalSamples} samples, more than ${mostFlacSamples}.`, {
      file,
      cure: 'Split the recording.',
    })
  }
  let audioStart = start + 42
  for (let isLast = head[4]! >= 0x80; !isLast; ) {
    const block = yield { at: audioStart, length: 4 }
    if (block.length < 4) {
      throw new AudioError('The FLAC file is truncated within its header.', { file, cure: refetchCure })
    }
    isLast = block[0]! >= 0x80
    audioStart += 4 + block[1]! * 2 ** 16 + block[2]! * 2 ** 8 + block[3]!
  }
  return { ...info, head, audioStart: Math.min(size, audioStart) }
}

/** Close enough: what lies between is decoded and left out. */
const nearBytes = 2 ** 15
/** Looked through at a time for the start of a frame. */
const windowBytes = 2 ** 14
const longestHeader = 16

/**
 * Finds a byte at which a frame begins, at or before sample `target`, by halving the file. A frame's header can appear within another frame
 * by chance (its checksum has 8 bits); the decoder's own number of the first sample tells then.
 */
export function* findFrame(layout: FlacLayout, size: number, target: number): ByteParser<number> {
  let low = layout.audioStart
  let high = size
  while (high - low > nearBytes) {
    const middle = low + Math.floor((high - low) / 2)
    const found = yield* nextFrame(layout, middle, high)
    if (found === undefined || found.sample > target) high = middle
    else low = found.at
  }
  return low
}

function* nextFrame(
  layout: FlacLayout,
  from: number,
  to: number,
): ByteParser<{ at: number; sample: number } | undefined> {
  for (let at = from; at < to; at += windowBytes) {
    const window = (yield { at, length: windowBytes + longestHeader }).slice()
    const end = Math.min(windowBytes, to - at, window.length - 5)
    for (let i = 0; i < end; i++) {
      if (window[i] !== 0xff || (window[i + 1]! & 0xfe) !== 0xf8) continue
      const sample = frameStart(window.subarray(i, i + longestHeader), layout)
      if (sample !== undefined) return { at: at + i, sample }
    }
  }
  return undefined
}

/** Number of the first sample of the frame whose header the bytes are; undefined if they are not a header that fits the stream. */
function frameStart(bytes: Uint8Array, layout: FlacLayout): number | undefined {
  const blockCode = bytes[2]! >> 4
  const rateCode = bytes[2]! & 15
  const channelCode = bytes[3]! >> 4
  const channels = channelCode < 8 ? channelCode + 1 : channelCode < 11 ? 2 : 0
  if (blockCode === 0 || rateCode === 15 || channels !== layout.channels || (bytes[3]! & 1) !== 0) return undefined
  // A number as UTF-8 writes characters, of up to 36 bits: the leading ones of the first byte count the bytes.
  const leading = Math.clz32(~bytes[4]! << 24)
  if (leading === 1 || leading > 7) return undefined
  let number = leading === 0 ? bytes[4]! : bytes[4]! & (0x7f >> leading)
  let at = 5
  for (; at < 4 + leading; at++) {
    if (bytes[at]! >> 6 !== 2) return undefined
    number = number * 64 + (bytes[at]! & 63)
  }
  at += blockCode === 6 ? 1 : blockCode === 7 ? 2 : 0
  at += rateCode === 12 ? 1 : rateCode === 13 || rateCode === 14 ? 2 : 0
  if (at >= bytes.length || crc8(bytes.subarray(0, at)) !== bytes[at]) return undefined
  if ((bytes[1]! & 1) === 1) return number
  return layout.blockSize === 0 ? undefined : number * layout.blockSize
}

function crc8(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x80 ? 0x07 : 0)) & 0xff
  }
  return crc
}
