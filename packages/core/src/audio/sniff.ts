import { AudioError } from '../errors'
import { asciiAt, type ByteParser } from './byte-parser'
import { convertCure, readFormats, refetchCure } from './decoded-audio'
import { id3Length } from './id3'
import { parseMpegHeader } from './mp3-header'

/** Formats that are read, by their content. */
export type AudioFormat = 'wav' | 'flac' | 'mp3' | 'opus'

/**
 * Finds out what a file is from its first bytes, whatever its name.
 *
 * @throws AudioError saying what it is where it cannot be read.
 */
export function* sniffFormat(size: number, file?: string): ByteParser<AudioFormat> {
  if (size === 0) throw new AudioError('The file is empty.', { file, cure: refetchCure })
  const head = (yield { at: 0, length: 64 }).slice()
  const form = asciiAt(head, 0, 4)
  if (['RIFF', 'RF64', 'BW64'].includes(form) && asciiAt(head, 8, 4) === 'WAVE') return 'wav'
  if (form === 'OggS' && isOpusHead(head)) return 'opus'
  const tagBytes = id3Length(head)
  const start = tagBytes === 0 ? head : (yield { at: tagBytes, length: 10 }).slice()
  if (asciiAt(start, 0, 4) === 'fLaC') return 'flac'
  // After a tag there may be padding, or a tag again; what else is tagged this way is rare.
  if (tagBytes > 0 || parseMpegHeader(start, 0) !== undefined) return 'mp3'
  if (asciiAt(head, 0, 20) === 'version https://git-') {
    throw new AudioError('This is a Git LFS pointer, not the recording itself.', { file, cure: 'Run `git lfs pull`.' })
  }
  if (form === 'RIFF' && size < 12) {
    throw new AudioError('The file is truncated within its header.', { file, cure: refetchCure })
  }
  const found = describe(head)
  throw new AudioError(`This is ${found ?? 'not a recording'}; the formats that are read are ${readFormats}.`, {
    file,
    cure: found === undefined ? 'Check the path.' : convertCure,
  })
}

/** The first page of an Ogg file holds one packet, which names the codec. */
function isOpusHead(head: Uint8Array): boolean {
  return asciiAt(head, 27 + (head[26] ?? 0), 8) === 'OpusHead'
}

const signatures: readonly (readonly [at: number, text: string, name: string])[] = [
  [28, '\x01vorbis', 'an Ogg Vorbis file'],
  [28, '\x7fFLAC', 'a FLAC stream in an Ogg file'],
  [28, 'Speex', 'an Ogg Speex file'],
  [0, 'OggS', 'an Ogg file that does not begin with Opus'],
  [0, 'FORM', 'an AIFF file'],
  [0, 'RIFX', 'a big-endian WAV file'],
  [0, '.snd', 'an AU file'],
  [0, 'caff', 'a Core Audio file'],
  [0, 'NIST_1A', 'a NIST SPHERE file'],
  [0, '#!AMR', 'an AMR file'],
  [0, 'wvpk', 'a WavPack file'],
  [0, '\x1aE\xdf\xa3', 'a Matroska or WebM file'],
  [4, 'ftyp', 'an MPEG-4 file'],
  [8, 'AVI ', 'an AVI file'],
]

function describe(head: Uint8Array): string | undefined {
  const known = signatures.find(([at, text]) => asciiAt(head, at, text.length) === text)
  if (known !== undefined) return known[2]
  // Eleven set bits begin a frame of MPEG audio; those of layer III were taken for MP3 before.
  const isMpeg = head[0] === 0xff && (head[1]! & 0xe0) === 0xe0 && head[1] !== 0xff && head[1] !== 0xfe
  return isMpeg ? 'an MPEG audio file that is not MP3 (layer I or II, or AAC)' : undefined
}
