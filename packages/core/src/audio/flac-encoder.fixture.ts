import { createRequire } from 'node:module'

interface Encoder {
  create_libflac_encoder(
    rate: number,
    channels: number,
    bits: number,
    level: number,
    total: number,
    verify: boolean,
  ): number
  init_encoder_stream(
    encoder: number,
    write: (data: Uint8Array) => void,
    metadata: (info?: { md5sum: string }) => void,
  ): number
  FLAC__stream_encoder_process_interleaved(encoder: number, samples: Int32Array, frames: number): number
  FLAC__stream_encoder_finish(encoder: number): boolean
  FLAC__stream_encoder_delete(encoder: number): void
}

const flac = createRequire(import.meta.url)('libflacjs/dist/libflac.js') as Encoder

interface EncodeOptions {
  rate?: number
  channels?: number
  bits?: number
  level?: number
  /** Whether the header tells the number of samples and the MD5. */
  complete?: boolean
}

/** Encodes interleaved samples with the reference encoder, once the library is loaded. */
export function encodeFlac(samples: Int32Array, options: EncodeOptions = {}): Uint8Array {
  const { rate = 16000, channels = 1, bits = 16, level = 5, complete = true } = options
  const frames = samples.length / channels
  const parts: Uint8Array[] = []
  let md5 = ''
  const encoder = flac.create_libflac_encoder(rate, channels, bits, level, complete ? frames : 0, false)
  flac.init_encoder_stream(
    encoder,
    (data) => {
      parts.push(data.slice())
    },
    (info) => {
      md5 = info?.md5sum ?? md5
    },
  )
  if (frames > 0 && !flac.FLAC__stream_encoder_process_interleaved(encoder, samples, frames))
    throw new Error('not encoded')
  flac.FLAC__stream_encoder_finish(encoder)
  flac.FLAC__stream_encoder_delete(encoder)
  const bytes = Uint8Array.from(Buffer.concat(parts))
  // A stream encoder cannot go back to write the MD5 into the header; it reports it instead.
  if (complete) bytes.set(Buffer.from(md5, 'hex'), 26)
  return bytes
}

/** Integers of `bits` bits, with long runs of the extremes, of zero and of minus one. */
export function signal(length: number, bits: number, seed = 1): Int32Array {
  const top = 2 ** (bits - 1)
  const extremes = [0, -1, 1, top - 1, -top, 255, -256, 256, -255]
  let state = seed
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return Int32Array.from({ length }, (_, i) => {
    const kind = Math.floor(i / 97) % 4
    if (kind === 0) return Math.floor((random() * 2 - 1) * top)
    if (kind === 1) return Math.max(-top, Math.min(top - 1, extremes[Math.floor(random() * extremes.length)]!))
    if (kind === 2) return Math.round(Math.sin(i / 9) * top * 0.9)
    return Math.floor(random() * 3) - 1
  })
}
