import { AudioError } from '../errors'
import { parseBytes } from './byte-parser'
import { checkSampleRate, checkSamples, type DecodedAudio } from './decoded-audio'
import { type WavFormat, wavEncodings, wavLayout } from './wav-layout'

/**
 * Decodes a WAV file (RIFF, RF64 or BW64): PCM of 8 to 32 bits, 32- and 64-bit floats, A-law and mu-law, also as
 * WAVE_FORMAT_EXTENSIBLE, with any further chunks. Channels are averaged. Sizes in the file are only believed as far as
 * the bytes go; a data chunk that is longer than the file means a truncated recording and is refused (but a header of a
 * stream, whose sizes are all left at 2^32 - 1, is read to the end of the file).
 *
 * @param file named in errors.
 * @throws AudioError if the bytes are not such a file, or hold no samples or samples that are not finite.
 */
export function decodeWav(bytes: Uint8Array, file?: string): DecodedAudio {
  const layout = parseBytes(wavLayout(bytes.length, file), bytes)
  const { start, frames, sampleRate, channels, sampleBytes } = layout
  const samples = new Float32Array(frames)
  decodeWavData(bytes.subarray(start, start + frames * sampleBytes * channels), layout, samples)
  checkSamples(samples, file)
  return { samples, sampleRate, channels }
}

/** Writes the mean of the channels of each frame in `bytes` to `out`. */
export function decodeWavData(bytes: Uint8Array, format: WavFormat, out: Float32Array): void {
  const { channels, sampleBytes } = format
  const read = sampleReader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), format)
  const frames = Math.floor(bytes.length / (sampleBytes * channels))
  for (let frame = 0, at = 0; frame < frames; frame++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++, at += sampleBytes) sum += read(at)
    out[frame] = sum / channels
  }
}

/** Reads the sample at a byte offset. PCM is left-justified in its bytes, so that the container gives the scale. */
function sampleReader(data: DataView, { encoding, sampleBytes }: WavFormat): (at: number) => number {
  if (encoding === wavEncodings.float) {
    return sampleBytes === 4 ? (at) => data.getFloat32(at, true) : (at) => data.getFloat64(at, true)
  }
  if (encoding === wavEncodings.aLaw) return (at) => aLaw[data.getUint8(at)]!
  if (encoding === wavEncodings.muLaw) return (at) => muLaw[data.getUint8(at)]!
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
  view.setUint16(20, wavEncodings.pcm, true)
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
