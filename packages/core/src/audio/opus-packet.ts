import { AudioError } from '../errors'
import { refetchCure } from './decoded-audio'
import type { OggPage } from './ogg-pages'

/** Samples at 48 kHz of one frame, by configuration (RFC 6716, table 2). */
const frameSamples = (configuration: number): number => {
  if (configuration < 12) return [480, 960, 1920, 2880][configuration & 3]!
  if (configuration < 16) return [480, 960][configuration & 1]!
  return [120, 240, 480, 960][configuration & 3]!
}

/** 120 ms, the most that a packet may hold. */
const mostSamples = 5760

/** Samples at 48 kHz that an Opus packet holds, from its first two bytes; 0 if they are not those of a packet. */
function packetSamples(packet: Uint8Array): number {
  const code = packet[0]! & 3
  const frames = code === 0 ? 1 : code < 3 ? 2 : (packet[1] ?? 0) & 63
  const samples = packet.length === 0 ? 0 : frames * frameSamples(packet[0]! >> 3)
  return samples <= mostSamples ? samples : 0
}

/** Counts the samples of packets page by page; a packet counts where it ends. */
export class OpusPackets {
  /** Samples of the packet that goes on on the next page. */
  #pending: number | undefined

  constructor(private readonly file?: string) {}

  /** @returns Samples at 48 kHz of the packets that end on the page. */
  add({ at: pageAt, isContinued, lacing, body }: OggPage): number {
    const fail = (message: string): never => {
      throw new AudioError(`The Opus file is damaged: ${message} of the page at byte ${pageAt}.`, {
        file: this.file,
        cure: refetchCure,
      })
    }
    if (isContinued !== (this.#pending !== undefined)) fail('a packet is cut at the start')
    let samples = 0
    let at = 0
    for (const length of lacing) {
      this.#pending ??= packetSamples(body.subarray(at, at + length))
      if (this.#pending === 0) fail('there is a packet that is not valid, on')
      at += length
      if (length === 255) continue
      samples += this.#pending
      this.#pending = undefined
    }
    return samples
  }
}
