import { AudioError } from '../errors'
import { checkSampleRate, checkSamples, convertCure, type DecodedAudio, refetchCure } from './decoded-audio'

/** Values of the format tag. */
const formatPcm = 1
const formatFloat = 3
const formatALaw = 6
const formatMuLaw = 7
const formatExtensible = 0xfffe

/** What follows the format tag in the sub-format GUID of an extensible file: xxxxxxxx-0000-0010-8000-00AA00389B71. */
const guidTail = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]

/** A size that says "until the end": written by tools that stream into a pipe. */
const unknownSize = 0xffffffff

interface WavFormat {
  readonly encoding: number
  readonly channels: number
  readonly sampleRate: number
  /** Bytes of one sample of one channel. */
  readonly sampleBytes: number
}

/**
 * Decodes a WAV file (RIFF or RF64): PCM of 8 to 32 bits, 32- and 64-bit floats, A-law and mu-law, also as
 * WAVE_FORMAT_EXTENSIBLE, with any further chunks. Channels are averaged. Sizes in the file are only believed as far as
 * the bytes go; a data chunk that is longer than the file means a truncated recording and is refused (but a header of a
 * stream, whose sizes are all left at 2^32 - 1, is read to the end of the file).
 *
 * @param file named in errors.
 * @throws AudioError if the bytes are not such a file, or hold no samples or samples that are not finite.
 */
export function decodeWav(bytes: Uint8Array, file?: string): DecodedAudio {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tag = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4))
  const form = tag(0)
  if ((form !== 'RIFF' && form !== 'RF64') || tag(8) !== 'WAVE') {
    throw new AudioError('This is not a WAV file.', { file, cure: convertCure })
  }
  const isStream = view.getUint32(4, true) === unknownSize
  let longDataSize: number | undefined
  let format: WavFormat | undefined
  for (let at = 12; at + 8 <= bytes.length; ) {
    const id = tag(at)
    const left = bytes.length - at - 8
    let size = view.getUint32(at + 4, true)
    if (id === 'data' && size === unknownSize) {
      if (form === 'RF64' && longDataSize !== undefined) size = longDataSize
      else if (isStream) size = left
    }
    if (id === 'data' && format === undefined) {
      throw new AudioError("The WAV file has no 'fmt ' chunk before its data.", { file, cure: refetchCure })
    }
    if (size > left) {
      throw new AudioError(
        `The file is truncated: its ${JSON.stringify(id)} chunk should have ${size} bytes, but only ${left} follow.`,
        { file, field: id, cure: refetchCure },
      )
    }
    const body = at + 8
    if (id === 'ds64' && form === 'RF64' && size >= 16) longDataSize = Number(view.getBigUint64(body + 8, true))
    if (id === 'fmt ') format = parseFormat(new DataView(bytes.buffer, bytes.byteOffset + body, size), file)
    if (id === 'data' && format !== undefined) {
      return decodeData(new DataView(bytes.buffer, bytes.byteOffset + body, size), format, file)
    }
    at = body + size + (size % 2)
  }
  throw new AudioError("The WAV file is truncated: it has no 'data' chunk.", { file, field: 'data', cure: refetchCure })
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
  const widths = new Map([
    [formatPcm, [1, 2, 3, 4]],
    [formatFloat, [4, 8]],
    [formatALaw, [1]],
    [formatMuLaw, [1]],
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

function decodeData(data: DataView, format: WavFormat, file?: string): DecodedAudio {
  const { channels, sampleRate, sampleBytes } = format
  const frameBytes = sampleBytes * channels
  if (data.byteLength % frameBytes !== 0) {
    throw new AudioError(
      `The file is truncated: its ${data.byteLength} bytes of data end within a frame of ${frameBytes}.`,
      {
        file,
        field: 'data',
        cure: refetchCure,
      },
    )
  }
  const read = sampleReader(data, format)
  const samples = new Float32Array(data.byteLength / frameBytes)
  for (let frame = 0, at = 0; frame < samples.length; frame++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++, at += sampleBytes) sum += read(at)
    samples[frame] = sum / channels
  }
  checkSamples(samples, file)
  return { samples, sampleRate, channels }
}

/** Reads the sample at a byte offset. PCM is left-justified in its bytes, so that the container gives the scale. */
function sampleReader(data: DataView, { encoding, sampleBytes }: WavFormat): (at: number) => number {
  if (encoding === formatFloat) {
    return sampleBytes === 4 ? (at) => data.getFloat32(at, true) : (at) => data.getFloat64(at, true)
  }
  if (encoding === formatALaw) return (at) => aLaw[data.getUint8(at)]!
  if (encoding === formatMuLaw) return (at) => muLaw[data.getUint8(at)]!
  switch (sampleBytes) {
    case 1:
      return (at) => (data.getUint8(at) - 128) / 2 ** 7
    case 2:
      return (at) => data.getInt16(at, true) / 2 ** 15
    case 3:
      return (at) => (data.getUint16(at, true) + data.getInt8(at + 2) * 2 ** 16) / 2 ** 23
    default:
      return (at) => data.getInt32(at, true) / 2 ** 31
  }
}

/** ITU-T G.711: sign, 3 bits of exponent, 4 of mantissa; here scaled as 16-bit samples, as is usual. */
const muLaw = Float32Array.from({ length: 256 }, (_, code) => {
  const inverted = ~code & 0xff
  const magnitude = ((((inverted & 15) << 3) + 132) << ((inverted >> 4) & 7)) - 132
  return (inverted & 0x80 ? -magnitude : magnitude) / 2 ** 15
})

const aLaw = Float32Array.from({ length: 256 }, (_, code) => {
  const toggled = code ^ 0x55
  const exponent = (toggled >> 4) & 7
  const mantissa = ((toggled & 15) << 4) + 8
  const magnitude = exponent === 0 ? mantissa : (mantissa + 256) << (exponent - 1)
  return (toggled & 0x80 ? magnitude : -magnitude) / 2 ** 15
})

/**
 * Encodes mono samples as a 16-bit WAV file. Samples are scaled by 2^15, rounded to the nearest and clipped to the range,
 * so that what {@link decodeWav} gave for a 16-bit file comes back exactly.
 *
 * @throws AudioError if a sample is not a finite number, or the rate is not usable.
 */
export function encodeWav(samples: Float32Array, sampleRate: number): Uint8Array {
  checkSampleRate(sampleRate)
  if (samples.length > 0) checkSamples(samples)
  const dataBytes = samples.length * 2
  if (dataBytes + 36 > 0xfffffffe) {
    throw new AudioError(`${samples.length} samples are too many for a WAV file.`, { cure: 'Split the recording.' })
  }
  const bytes = new Uint8Array(44 + dataBytes)
  const view = new DataView(bytes.buffer)
  bytes.set(new TextEncoder().encode('RIFF    WAVEfmt '))
  view.setUint32(4, 36 + dataBytes, true)
  view.setUint32(16, 16, true)
  view.setUint16(20, formatPcm, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, sampleRate, true)
  view.setUint32(28, sampleRate * 2, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  bytes.set(new TextEncoder().encode('data'), 36)
  view.setUint32(40, dataBytes, true)
  for (let i = 0; i < samples.length; i++) {
    view.setInt16(44 + 2 * i, Math.max(-32768, Math.min(32767, Math.round(samples[i]! * 32768))), true)
  }
  return bytes
}
