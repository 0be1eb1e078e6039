/** What the four bytes at the start of a frame of MPEG audio, layer III, say. */
export interface MpegHeader {
  readonly sampleRate: number
  readonly channels: 1 | 2
  /** Of the frame, its header included. */
  readonly bytes: number
  /** Samples of each channel that the frame decodes to. */
  readonly samples: number
  /** From the frame's start to the end of its side information: where a Xing header stands. */
  readonly sideEnd: number
}

/** kbit/s by index, for MPEG 1 and for MPEG 2 and 2.5. Index 0 is a rate of its own (free format), 15 is invalid. */
const bitrates = [
  [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
] as const

const sampleRates = [44_100, 48_000, 32_000] as const

/** The header at `at`, or undefined if there is none, or none of layer III with a rate of the table. */
export function parseMpegHeader(bytes: Uint8Array, at: number): MpegHeader | undefined {
  if (at + 4 > bytes.length || bytes[at] !== 0xff || (bytes[at + 1]! & 0xe0) !== 0xe0) return undefined
  const version = (bytes[at + 1]! >> 3) & 3
  const layer = (bytes[at + 1]! >> 1) & 3
  const bitrateIndex = bytes[at + 2]! >> 4
  const rateIndex = (bytes[at + 2]! >> 2) & 3
  if (version === 1 || layer !== 1 || bitrateIndex === 0 || bitrateIndex === 15 || rateIndex === 3) return undefined
  const isMpeg1 = version === 3
  const sampleRate = sampleRates[rateIndex]! / (isMpeg1 ? 1 : version === 2 ? 2 : 4)
  const channels = bytes[at + 3]! >> 6 === 3 ? 1 : 2
  const samples = isMpeg1 ? 1152 : 576
  const padding = (bytes[at + 2]! >> 1) & 1
  const bitrate = bitrates[isMpeg1 ? 0 : 1][bitrateIndex - 1]! * 1000
  const side = isMpeg1 ? (channels === 1 ? 17 : 32) : channels === 1 ? 9 : 17
  return {
    sampleRate,
    channels,
    bytes: Math.floor((samples / 8) * (bitrate / sampleRate)) + padding,
    samples,
    sideEnd: 4 + side,
  }
}
