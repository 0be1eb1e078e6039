import { AudioError } from '../errors'
import { type ByteParser, parseBytes } from './byte-parser'
import { checkSamples, type DecodedAudio, refetchCure } from './decoded-audio'
import { expectPage, type OggPage, readPage } from './ogg-pages'
import { opusLayout, opusRate } from './opus-layout'
import { OpusPackets } from './opus-packet'

/**
 * Decodes an Ogg Opus file at 48 kHz; channels are averaged. Every page's checksum and order are verified before the decoder sees them; the
 * length is what the file says, and the header's output gain is applied.
 *
 * @param file named in errors.
 * @throws AudioError if the bytes are not such a file, or are damaged or truncated.
 */
export async function decodeOpus(bytes: Uint8Array, file?: string): Promise<DecodedAudio> {
  const { channels, frames, gain, preSkip } = parseBytes(opusLayout(bytes.length, file), bytes)
  const held = parseBytes(checkPages(bytes.length, file), bytes)
  if (frames + preSkip > held) {
    throw new AudioError(`The Opus file is damaged: it holds ${held} of its ${frames + preSkip} samples.`, {
      file,
      cure: refetchCure,
    })
  }
  const { OggOpusDecoder } = await import('ogg-opus-decoder')
  let decoded: Awaited<ReturnType<InstanceType<typeof OggOpusDecoder>['decodeFile']>>
  const decoder = new OggOpusDecoder()
  try {
    await decoder.ready
    decoded = await decoder.decodeFile(bytes)
  } catch (cause) {
    throw new AudioError('The Opus file is damaged: the decoder failed.', { file, cure: refetchCure, cause })
  } finally {
    decoder.free()
  }
  const { channelData, errors } = decoded
  if (errors.length > 0 || channelData.length !== channels || channelData.some((channel) => channel.length < frames)) {
    const why = errors[0]?.message ?? `${decoded.samplesDecoded} of its ${frames} samples can be decoded`
    throw new AudioError(`The Opus file is damaged: ${why}.`, { file, cure: refetchCure })
  }
  const samples = new Float32Array(frames)
  for (let i = 0; i < frames; i++) {
    let sum = 0
    for (const channel of channelData) sum += channel[i]!
    samples[i] = (sum / channels) * gain
  }
  checkSamples(samples, file)
  return { samples, sampleRate: opusRate, channels }
}

/** Goes through all pages. @returns Samples that their packets hold. */
function* checkPages(size: number, file?: string): ByteParser<number> {
  let page: OggPage = (yield* readPage(0))!
  const packets = new OpusPackets(file)
  let samples = 0
  let isInComments = true
  for (let at = page.bytes; at < size; at += page.bytes) {
    if (page.isLast) throw new AudioError('The Ogg file goes on after its last page.', { file, cure: refetchCure })
    page = yield* expectPage(at, page, file)
    if (!isInComments) samples += packets.add(page)
    else if (page.lacing.some((length) => length < 255)) isInComments = false
  }
  return samples
}
