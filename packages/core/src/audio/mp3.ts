import { AudioError } from '../errors'
import { parseBytes } from './byte-parser'
import { checkSampleRate, checkSamples, type DecodedAudio, refetchCure } from './decoded-audio'
import { mp3Layout } from './mp3-layout'

/**
 * Decodes an MP3 file; channels are averaged. What LAME-like encoders note about their padding is left out, so that the recording begins
 * where the original did and has its length; without such a note (CBR files of other encoders) the decoder's 1,105 samples or so of delay
 * stay.
 *
 * @param file named in errors.
 * @throws AudioError if the bytes are not such a file, or are damaged or truncated.
 */
export async function decodeMp3(bytes: Uint8Array, file?: string): Promise<DecodedAudio> {
  const layout = parseBytes(mp3Layout(bytes.length, file), bytes)
  const { sampleRate, channels, frames, start, end, decodedFrames, skip } = layout
  checkSampleRate(sampleRate, file)
  // Loaded with the first MP3 file: the decoder is some 100 KB of WebAssembly.
  const { MPEGDecoder } = await import('mpg123-decoder')
  const decoder = new MPEGDecoder({ enableGapless: false })
  await decoder.ready
  const samples = new Float32Array(frames)
  let decoded = 0
  try {
    failOnError(() => {
      for (let at = start; at < end; at += chunkBytes) {
        const { channelData } = decoder.decode(bytes.subarray(at, Math.min(end, at + chunkBytes)))
        const [left, right] = channelData as [Float32Array, Float32Array]
        const from = Math.max(0, skip - decoded)
        const to = Math.min(left.length, skip + frames - decoded)
        // A mono file comes as two equal channels, whose mean is exact.
        for (let i = from; i < to; i++) samples[decoded + i - skip] = (left[i]! + right[i]!) / 2
        decoded += left.length
      }
    })
  } catch (cause) {
    throw new AudioError('The MP3 file is damaged: the decoder failed.', { file, cure: refetchCure, cause })
  }
  decoder.free()
  if (decoded !== decodedFrames) {
    throw new AudioError(`The MP3 file is damaged: ${decoded} of its ${decodedFrames} samples can be decoded.`, {
      file,
      cure: refetchCure,
    })
  }
  checkSamples(samples, file)
  return { samples, sampleRate, channels }
}

/** Decoded at a time, so that little is held twice. */
const chunkBytes = 2 ** 18

/**
 * The library reports an error with `console.error` and tries again, which for some errors goes on without end. While it runs (nothing else
 * does), the first report is made an exception instead.
 */
function failOnError(decode: () => void): void {
  const { error } = console
  console.error = (message: unknown) => {
    throw new Error(String(message))
  }
  try {
    decode()
  } finally {
    console.error = error
  }
}
