import { createHash } from 'node:crypto'
import { AudioError } from '../errors'
import { checkSampleRate, checkSamples, convertCure, type DecodedAudio, refetchCure } from './decoded-audio'
import { type FlacFrame, loadLibFlac } from './libflac'

/** What the STREAMINFO block at the start of a FLAC file says. */
interface StreamInfo {
  readonly sampleRate: number
  readonly channels: number
  readonly bitsPerSample: number
  /** Samples of each channel; 0 if the encoder did not know. */
  readonly totalSamples: number
  /** MD5 of all samples, interleaved, little-endian; zeros if the encoder did not compute it. */
  readonly md5: string
}

/** 18 hours at 16 kHz. A few bytes of FLAC can stand for any length of silence, so the length needs a bound of its own. */
const mostSamples = 2 ** 30

/**
 * Decodes a FLAC file of 8, 16 or 24 bits; channels are averaged. The number of samples and, where the file has it, the
 * MD5 of the audio are verified, so what is returned is exactly what was encoded. A tag before or after the stream is skipped.
 *
 * @param file named in errors.
 * @throws AudioError if the bytes are not such a file, or are damaged or truncated.
 */
export async function decodeFlac(bytes: Uint8Array, file?: string): Promise<DecodedAudio> {
  const stream = bytes.subarray(id3Length(bytes))
  const info = parseStreamInfo(stream, file)
  const blocks = await decodeFrames(stream, info, file)
  const samples = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0))
  let at = 0
  for (const block of blocks) {
    samples.set(block, at)
    at += block.length
  }
  checkSamples(samples, file)
  return { samples, sampleRate: info.sampleRate, channels: info.channels }
}

/** Length of an ID3v2 tag at the start of the file; 0 if there is none. */
export function id3Length(bytes: Uint8Array): number {
  if (bytes.length < 10 || bytes[0] !== 0x49 || bytes[1] !== 0x44 || bytes[2] !== 0x33) return 0
  return 10 + ((bytes[6]! & 127) << 21) + ((bytes[7]! & 127) << 14) + ((bytes[8]! & 127) << 7) + (bytes[9]! & 127)
}

export function isFlac(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(0, 4)) === 'fLaC'
}

function parseStreamInfo(stream: Uint8Array, file?: string): StreamInfo {
  if (!isFlac(stream)) throw new AudioError('This is not a FLAC file.', { file, cure: convertCure })
  if (stream.length < 42)
    throw new AudioError('The FLAC file is truncated within its header.', { file, cure: refetchCure })
  const view = new DataView(stream.buffer, stream.byteOffset, 42)
  if ((view.getUint32(4) & 0x7fffffff) !== 34) {
    throw new AudioError('The FLAC file does not begin with a STREAMINFO block.', { file, cure: refetchCure })
  }
  const packed = view.getUint32(18)
  const info = {
    sampleRate: packed >>> 12,
    channels: ((packed >>> 9) & 7) + 1,
    bitsPerSample: ((packed >>> 4) & 31) + 1,
    totalSamples: (packed & 15) * 2 ** 32 + view.getUint32(22),
    md5: Buffer.from(stream.subarray(26, 42)).toString('hex'),
  }
  checkSampleRate(info.sampleRate, file)
  if (![8, 16, 24].includes(info.bitsPerSample)) {
    throw new AudioError(`FLAC of ${info.bitsPerSample} bits is not read.`, { file, cure: convertCure })
  }
  if (info.totalSamples > mostSamples) {
    throw new AudioError(`The FLAC file claims ${info.totalSamples} samples, more than ${mostSamples}.`, {
      file,
      cure: 'Split the recording.',
    })
  }
  return info
}

/** The audio of each frame, as mono samples. */
async function decodeFrames(stream: Uint8Array, info: StreamInfo, file?: string): Promise<Float32Array[]> {
  const { sampleRate, channels, bitsPerSample, totalSamples } = info
  const flac = await loadLibFlac()
  const blocks: Float32Array[] = []
  const digest = createHash('md5')
  let decoded = 0
  let at = 0
  let problem: string | undefined
  const isWhole = () => totalSamples > 0 && decoded >= totalSamples

  const read = (size: number) => {
    // Nothing after the last sample matters (some tools append tags), nor after the first fault.
    if (isWhole()) return { buffer: undefined, readDataLength: 0, error: false }
    const buffer = stream.subarray(at, at + size)
    at += buffer.length
    return { buffer, readDataLength: buffer.length, error: problem !== undefined }
  }
  const write = (data: Uint8Array[], frame: FlacFrame) => {
    if (isWhole() || problem !== undefined) return false
    if (frame.channels !== channels || frame.bitsPerSample !== bitsPerSample || frame.sampleRate !== sampleRate) {
      problem = `its format changes after ${decoded} samples`
      return false
    }
    decoded += frame.blocksize
    if (decoded > (totalSamples || mostSamples)) {
      problem = `it goes on after ${totalSamples || mostSamples} samples`
      return false
    }
    // The library hands 8- and 16-bit samples over in 2 bytes each, 24-bit ones in 4.
    const views = data.map((one) =>
      bitsPerSample === 24
        ? new Int32Array(one.buffer, one.byteOffset, frame.blocksize)
        : new Int16Array(one.buffer, one.byteOffset, frame.blocksize),
    )
    digest.update(interleave(views, bitsPerSample / 8))
    blocks.push(toMono(views, 2 ** (bitsPerSample - 1)))
    return true
  }
  const fault = (_code: number, description: string) => {
    if (!isWhole())
      problem ??= `${description.replace(/^FLAC__STREAM_DECODER_ERROR_(STATUS_)?/, '')} after ${decoded} samples`
  }

  const decoder = flac.create_libflac_decoder(false)
  try {
    const status = flac.init_decoder_stream(decoder, read, write, fault)
    if (status !== 0) problem = `the decoder does not start (status ${status})`
    else flac.FLAC__stream_decoder_process_until_end_of_stream(decoder)
  } catch (cause) {
    throw new AudioError('The FLAC file is damaged: the decoder failed.', { file, cure: refetchCure, cause })
  } finally {
    flac.FLAC__stream_decoder_delete(decoder)
  }
  if (problem !== undefined) throw new AudioError(`The FLAC file is damaged: ${problem}.`, { file, cure: refetchCure })
  if (decoded < totalSamples) {
    throw new AudioError(`The FLAC file is truncated: it holds ${decoded} of its ${totalSamples} samples.`, {
      file,
      cure: refetchCure,
    })
  }
  if (!/^0+$/.test(info.md5) && digest.digest('hex') !== info.md5) {
    throw new AudioError('The FLAC file is damaged: its audio does not match its MD5.', { file, cure: refetchCure })
  }
  return blocks
}

/** The samples as the MD5 of a FLAC file sees them: interleaved, little-endian, `width` bytes each. */
function interleave(channels: (Int16Array | Int32Array)[], width: number): Uint8Array {
  const [first] = channels
  if (channels.length === 1 && first instanceof Int16Array && width === 2) {
    return new Uint8Array(first.buffer, first.byteOffset, first.byteLength)
  }
  const frames = first!.length
  const out = new Uint8Array(frames * channels.length * width)
  channels.forEach((samples, channel) => {
    for (let frame = 0; frame < frames; frame++) {
      const at = (frame * channels.length + channel) * width
      for (let byte = 0; byte < width; byte++) out[at + byte] = samples[frame]! >> (8 * byte)
    }
  })
  return out
}

function toMono(channels: (Int16Array | Int32Array)[], fullScale: number): Float32Array {
  const scale = 1 / (fullScale * channels.length)
  return Float32Array.from(channels[0]!, (first, frame) => {
    let sum = first
    for (let channel = 1; channel < channels.length; channel++) sum += channels[channel]![frame]!
    return sum * scale
  })
}
