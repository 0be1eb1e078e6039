import { type ByteParser, parseBytes, parseFile, type ReadHandle, readBytes } from './byte-parser'
import { checkSampleRate } from './decoded-audio'
import { decodeFlac } from './flac'
import { flacLayout } from './flac-layout'
import { mp3Layout } from './mp3-layout'
import { withAudioFile } from './open-audio'
import { opusLayout, opusRate } from './opus-layout'
import { type AudioFormat, sniffFormat } from './sniff'
import { wavLayout } from './wav-layout'

/** What a recording's headers say. */
export interface AudioInfo {
  readonly format: AudioFormat
  /** In Hz; 48,000 for Opus, whatever was encoded. */
  readonly sampleRate: number
  readonly channels: number
  /** Samples of each channel: the length that {@link readAudio} gives at this rate. */
  readonly frames: number
}

/**
 * Reads a recording's rate, channels and exact length without decoding it: from the headers of WAV and FLAC (the few FLAC files that do not
 * tell their length are decoded), from all frame headers of MP3, from the first and last pages of Ogg Opus. What the audio itself holds is not looked
 * at: a file can have an info and still be damaged.
 *
 * @throws AudioError naming the file if it is missing, truncated or of another format.
 */
export async function audioInfo(path: string): Promise<AudioInfo> {
  return withAudioFile(path, async ({ handle, size, format }) => {
    const info = await parseFile(readInfo(format, size, path), handle, size)
    return info.frames >= 0
      ? info
      : { ...info, frames: (await decodeFlac(await handle.readFile(), path)).samples.length }
  })
}

/** {@link audioInfo} for the content of a file. */
export async function audioInfoOf(bytes: Uint8Array, file?: string): Promise<AudioInfo> {
  const format = parseBytes(sniffFormat(bytes.length, file), bytes)
  const info = parseBytes(readInfo(format, bytes.length, file), bytes)
  return info.frames >= 0 ? info : { ...info, frames: (await decodeFlac(bytes, file)).samples.length }
}

/** {@link audioInfo} for a recording that lies inside an open file, such as a shard: `bytes` long, from byte `offset` on. */
export async function audioInfoIn(
  handle: ReadHandle,
  offset: number,
  bytes: number,
  file?: string,
): Promise<AudioInfo> {
  const part: ReadHandle = {
    read: (target, at, length, position) => handle.read(target, at, length, offset + position),
  }
  const format = await parseFile(sniffFormat(bytes, file), part, bytes)
  const info = await parseFile(readInfo(format, bytes, file), part, bytes)
  return info.frames >= 0
    ? info
    : { ...info, frames: (await decodeFlac(await readBytes(part, 0, bytes), file)).samples.length }
}

/** @returns `frames` of -1 where only decoding tells. */
function* readInfo(format: AudioFormat, size: number, file?: string): ByteParser<AudioInfo> {
  const { sampleRate, channels, frames } = yield* readers[format](size, file)
  checkSampleRate(sampleRate, file)
  return { format, sampleRate, channels, frames }
}

const readers: Record<AudioFormat, (size: number, file?: string) => ByteParser<Omit<AudioInfo, 'format'>>> = {
  wav: wavLayout,
  mp3: mp3Layout,
  *flac(size, file) {
    const layout = yield* flacLayout(size, file)
    return { ...layout, frames: layout.totalSamples || -1 }
  },
  *opus(size, file) {
    return { ...(yield* opusLayout(size, file)), sampleRate: opusRate }
  },
}
