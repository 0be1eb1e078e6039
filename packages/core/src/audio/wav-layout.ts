import { AudioError } from '../errors'
import { asciiAt, type ByteParser } from './byte-parser'
import { checkSampleRate, convertCure, refetchCure } from './decoded-audio'

/** Values of the format tag. */
export const wavEncodings = { pcm: 1, float: 3, aLaw: 6, muLaw: 7 } as const
const formatExtensible = 0xfffe

/** What follows the format tag in the sub-format GUID of an extensible file: xxxxxxxx-0000-0010-8000-00AA00389B71. */
const guidTail = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]

/** A size that says "until the end": written by tools that stream into a pipe. */
const unknownSize = 0xffffffff
/** The largest chunk whose content is of interest before the data: a format. */
const largestFormat = 1024

export interface WavFormat {
  /** One of {@link wavEncodings}. */
  readonly encoding: number
  readonly channels: number
  readonly sampleRate: number
  /** Bytes of one sample of one channel. */
  readonly sampleBytes: number
}

/** Where the samples of a WAV file lie and how they are written. */
export interface WavLayout extends WavFormat {
  /** First byte of the samples. */
  readonly start: number
  /** Samples of each channel. */
  readonly frames: number
}

/**
 * Reads the chunks of a WAV file (RIFF, RF64 or BW64) up to its data. Sizes in the file are only believed as far as the bytes go.
 *
 * @param size Bytes of the file.
 */
export function* wavLayout(size: number, file?: string): ByteParser<WavLayout> {
  const head = (yield { at: 0, length: 12 }).slice()
  const form = asciiAt(head, 0, 4)
  if (!['RIFF', 'RF64', 'BW64'].includes(form) || asciiAt(head, 8, 4) !== 'WAVE') {
    throw new AudioError('This is not a WAV file.', { file, cure: convertCure })
  }
  const isLong = form !== 'RIFF'
  const isStream = viewOf(head).getUint32(4, true) === unknownSize
  let longDataSize: number | undefined
  let format: WavFormat | undefined
  for (let at = 12; at + 8 <= size; ) {
    const chunk = (yield { at, length: 8 }).slice()
    const id = asciiAt(chunk, 0, 4)
    const left = size - at - 8
    let bytes = viewOf(chunk).getUint32(4, true)
    if (id === 'data' && bytes === unknownSize) {
      if (isLong && longDataSize !== undefined) bytes = longDataSize
      else if (isStream) bytes = left
    }
    if (id === 'data' && format === undefined) {
      throw new AudioError("The WAV file has no 'fmt ' chunk before its data.", { file, cure: refetchCure })
    }
    if (bytes > left) {
      throw new AudioError(
        `The file is truncated: its ${JSON.stringify(id)} chunk should have ${bytes} bytes, but only ${left} follow.`,
        { file, field: id, cure: refetchCure },
      )
    }
    const body = at + 8
    if (id === 'ds64' && isLong && bytes >= 16) {
      longDataSize = Number(viewOf(yield { at: body, length: 16 }).getBigUint64(8, true))
    }
    if (id === 'fmt ') {
      format = parseFormat(viewOf((yield { at: body, length: Math.min(bytes, largestFormat) }).slice()), file)
    }
    if (id === 'data' && format !== undefined)
      return { ...format, start: body, frames: wholeFrames(bytes, format, file) }
    at = body + bytes + (bytes % 2)
  }
  throw new AudioError("The WAV file is truncated: it has no 'data' chunk.", { file, field: 'data', cure: refetchCure })
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function wholeFrames(bytes: number, { sampleBytes, channels }: WavFormat, file?: string): number {
  const frameBytes = sampleBytes * channels
  if (bytes % frameBytes !== 0) {
    throw new AudioError(`The file is truncated: its ${bytes} bytes of data end within a frame of ${frameBytes}.`, {
      file,
      field: 'data',
      cure: refetchCure,
    })
  }
  return bytes / frameBytes
}

function parseFormat(chunk: DataView, file?: string): WavFormat {
  const fail = (message: string, cure = refetchCure): never => {
    throw new AudioError(message, { file, field: 'fmt ', cure })
  }
  if (chunk.byteLength < 16) fail(`The 'fmt ' chunk has ${chunk.byteLength} bytes, fewer than 16.`)
  let encoding = chunk.getUint16(0, true)
  const channels = chunk.getUint16(2, true)
  const sampleRate = chunk.getUint32(4, true)
  const frameBytes = chunk.getUint16(12, true)
  const bits = chunk.getUint16(14, true)
  if (encoding === formatExtensible) {
    if (chunk.byteLength < 40) fail(`The extensible 'fmt ' chunk has ${chunk.byteLength} bytes, fewer than 40.`)
    if (guidTail.some((byte, i) => chunk.getUint8(26 + i) !== byte))
      fail('The sub-format of the WAV file is unknown.', convertCure)
    encoding = chunk.getUint16(24, true)
  }
  const widths = new Map<number, number[]>([
    [wavEncodings.pcm, [1, 2, 3, 4]],
    [wavEncodings.float, [4, 8]],
    [wavEncodings.aLaw, [1]],
    [wavEncodings.muLaw, [1]],
  ]).get(encoding)
  if (widths === undefined)
    fail(`The WAV file is compressed (format 0x${encoding.toString(16).padStart(4, '0')}).`, convertCure)
  if (channels === 0) fail('The WAV file has no channels.')
  checkSampleRate(sampleRate, file)
  const sampleBytes = Math.ceil(bits / 8)
  if (!widths!.includes(sampleBytes))
    fail(`The WAV file has samples of ${bits} bits, which its format does not allow.`, convertCure)
  if (frameBytes !== sampleBytes * channels) {
    fail(
      `The WAV file has frames of ${frameBytes} bytes, but ${channels} channels of ${bits} bits need ${sampleBytes * channels}.`,
    )
  }
  return { encoding, channels, sampleRate, sampleBytes }
}
