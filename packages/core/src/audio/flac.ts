import { createHash } from 'node:crypto'
import { AudioError } from '../errors'
import { parseBytes } from './byte-parser'
import { checkSamples, type DecodedAudio, refetchCure } from './decoded-audio'
import { type FlacLayout, flacLayout, mostFlacSamples } from './flac-layout'
import { type FlacFrame, loadLibFlac } from './libflac'

/**
 * Decodes a FLAC file of 8, 16 or 24 bits; channels are averaged. The number of samples and, where the file has it, the
 * MD5 of the audio are verified, so what is returned is exactly what was encoded. A tag before or after the stream is skipped.
 *
 * @param file named in errors.
 * @throws AudioError if the bytes are not such a file, or are damaged or truncated.
 */
export async function decodeFlac(bytes: Uint8Array, file?: string): Promise<DecodedAudio> {
  const layout = parseBytes(flacLayout(bytes.length, file), bytes)
  const { sampleRate, channels, totalSamples } = layout
  const read = readStream((at, length) => bytes.subarray(at, at + length), layout, layout.audioStart)
  const digest = createHash('md5')
  const width = layout.bitsPerSample / 8
  const blocks: Float32Array[] = []
  let decoded = 0
  const onBlock = (views: PcmBlock) => {
    decoded += views[0]!.length
    if (decoded > (totalSamples || mostFlacSamples))
      return `it goes on after ${totalSamples || mostFlacSamples} samples`
    digest.update(interleave(views, width))
    blocks.push(toMono(views, 2 ** (layout.bitsPerSample - 1)))
    return undefined
  }
  const isDone = () => totalSamples > 0 && decoded >= totalSamples
  const problem = await decodeFlacStream(read, layout, onBlock, isDone)
  if (problem !== undefined) throw damaged(problem, file)
  if (decoded < totalSamples) {
    throw new AudioError(`The FLAC file is truncated: it holds ${decoded} of its ${totalSamples} samples.`, {
      file,
      cure: refetchCure,
    })
  }
  if (!/^0+$/.test(layout.md5) && digest.digest('hex') !== layout.md5) {
    throw new AudioError('The FLAC file is damaged: its audio does not match its MD5.', { file, cure: refetchCure })
  }
  const samples = joined(blocks)
  checkSamples(samples, file)
  return { samples, sampleRate, channels }
}

/** Reads a part of a file without waiting: the decoder asks for it in the middle of its work. */
export type ReadAt = (at: number, length: number) => Uint8Array

/**
 * Decodes the samples `start` to before `end` from the frames that hold them. Frames are verified by their checksums; the MD5 of the whole
 * cannot be.
 *
 * @param from byte at which a frame at or before `start` begins, as {@link findFrame} gives it.
 * @returns undefined if it is not one, or the frames from there on cannot be decoded: then only decoding from the beginning will tell.
 */
export async function decodeFlacRange(
  readAt: ReadAt,
  layout: FlacLayout,
  from: number,
  start: number,
  end: number,
): Promise<Float32Array | undefined> {
  const read = readStream(readAt, layout, from)
  const blocks: Float32Array[] = []
  let reached: number | undefined
  const onBlock = (views: PcmBlock, first: number) => {
    if (reached === undefined ? first > start : first !== reached) return 'frames are missing'
    reached = first + views[0]!.length
    if (reached <= start) return undefined
    const mono = toMono(views, 2 ** (layout.bitsPerSample - 1))
    blocks.push(mono.subarray(Math.max(0, start - first), Math.max(0, end - first)))
    return undefined
  }
  const isDone = () => reached !== undefined && reached >= end
  const problem = await decodeFlacStream(read, layout, onBlock, isDone)
  return problem === undefined && isDone() ? joined(blocks) : undefined
}

/** Only what was decoded is reserved, not what a header promises. */
function joined(blocks: readonly Float32Array[]): Float32Array {
  const samples = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0))
  let at = 0
  for (const block of blocks) {
    samples.set(block, at)
    at += block.length
  }
  return samples
}

const damaged = (problem: string, file?: string) =>
  new AudioError(`The FLAC file is damaged: ${problem}.`, { file, cure: refetchCure })

/**
 * The stream as the decoder gets it: STREAMINFO, then frames from `from` on. It is not shown the other blocks of metadata, for some of which it
 * would reserve whatever size they claim.
 */
function readStream(readAt: ReadAt, layout: FlacLayout, from: number): (size: number) => Uint8Array {
  const head = layout.head.slice()
  head[4] = 0x80 // the last block of metadata
  let at = from
  let isHeadRead = false
  return (size) => {
    if (!isHeadRead) {
      isHeadRead = true
      return head
    }
    const part = readAt(at, size)
    at += part.length
    return part
  }
}

/** The samples of one frame, by channel. */
type PcmBlock = readonly (Int16Array | Int32Array)[]

/**
 * Decodes frame by frame.
 *
 * @param read gives the next bytes, fewer than asked for at the end.
 * @param onBlock takes a frame and the number of its first sample, and says what is wrong if it is.
 * @param isDone tells that no more is wanted: nothing after that matters (some tools append tags).
 * @returns What was wrong first.
 */
async function decodeFlacStream(
  read: (size: number) => Uint8Array,
  layout: FlacLayout,
  onBlock: (views: PcmBlock, first: number) => string | undefined,
  isDone: () => boolean,
): Promise<string | undefined> {
  const { sampleRate, channels, bitsPerSample } = layout
  const flac = await loadLibFlac()
  let decoded = 0
  let problem: string | undefined

  const onRead = (size: number) => {
    if (isDone()) return { buffer: undefined, readDataLength: 0, error: false }
    const buffer = read(size)
    return { buffer, readDataLength: buffer.length, error: problem !== undefined }
  }
  const onWrite = (data: Uint8Array[], frame: FlacFrame) => {
    if (isDone() || problem !== undefined) return false
    if (frame.channels !== channels || frame.bitsPerSample !== bitsPerSample || frame.sampleRate !== sampleRate) {
      problem = `its format changes after ${decoded} samples`
      return false
    }
    decoded += frame.blocksize
    // The library hands 8- and 16-bit samples over in 2 bytes each, 24-bit ones in 4.
    const views = data.map((one) =>
      bitsPerSample === 24
        ? new Int32Array(one.buffer, one.byteOffset, frame.blocksize)
        : new Int16Array(one.buffer, one.byteOffset, frame.blocksize),
    )
    const first = frame.numberType === 'samples' ? frame.number : frame.number * layout.blockSize
    problem = onBlock(views, first)
    return problem === undefined
  }
  const onError = (_code: number, description: string) => {
    if (!isDone())
      problem ??= `${description.replace(/^FLAC__STREAM_DECODER_ERROR_(STATUS_)?/, '')} after ${decoded} samples`
  }

  const decoder = flac.create_libflac_decoder(false)
  try {
    const status = flac.init_decoder_stream(decoder, onRead, onWrite, onError)
    if (status !== 0) return `the decoder does not start (status ${status})`
    flac.FLAC__stream_decoder_process_until_end_of_stream(decoder)
  } catch (cause) {
    return `the decoder failed (${String(cause)})`
  } finally {
    flac.FLAC__stream_decoder_delete(decoder)
  }
  return problem
}

/** The samples as the MD5 of a FLAC file sees them: interleaved, little-endian, `width` bytes each. */
function interleave(channels: PcmBlock, width: number): Uint8Array {
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

function toMono(channels: PcmBlock, fullScale: number): Float32Array {
  const scale = 1 / (fullScale * channels.length)
  return Float32Array.from(channels[0]!, (first, frame) => {
    let sum = first
    for (let channel = 1; channel < channels.length; channel++) sum += channels[channel]![frame]!
    return sum * scale
  })
}
