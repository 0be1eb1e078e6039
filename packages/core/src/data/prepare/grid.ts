import { posix } from 'node:path'
import { type Findings, type FoundClip, isAudio, isVideo, type Problem, type SourceFiles, stemOf } from './found'

/** The files of one sentence of one talker. */
interface Sentence {
  readonly speaker: string
  readonly code: string
  audio?: string
  video?: string
  align?: string
}

/** The sentences' grammar: each letter of a code stands for a word. */
const grammar: readonly Readonly<Record<string, string>>[] = [
  { b: 'bin', l: 'lay', p: 'place', s: 'set' },
  { b: 'blue', g: 'green', r: 'red', w: 'white' },
  { a: 'at', b: 'by', i: 'in', w: 'with' },
  Object.fromEntries([...'abcdefghijklmnopqrstuvxyz'].map((letter) => [letter, letter])),
  { z: 'zero', 1: 'one', 2: 'two', 3: 'three', 4: 'four', 5: 'five', 6: 'six', 7: 'seven', 8: 'eight', 9: 'nine' },
  { a: 'again', n: 'now', p: 'please', s: 'soon' },
]

/** The sentence that a code stands for: `bbaf2n` is "bin blue at f two now". Undefined for other texts. */
export const gridSentence = (code: string): string | undefined => {
  const words = [...code].map((letter, place) => grammar[place]?.[letter])
  return words.length === grammar.length && words.every((word) => word !== undefined) ? words.join(' ') : undefined
}

/** What an alignment says besides words. */
const silences = new Set(['sil', 'sp'])

/**
 * GRID, and corpora laid out like it: sound, video and alignments (`START END WORD` a line) in any folders, which belong together by talker
 * and sentence code: `s1/bbaf2n.mpg` with `align/s1/bbaf2n.align`, or `audio/s1_bbaf2n.wav` with `align/s1_bbaf2n.align`. Without an
 * alignment the text follows from the code. Of several videos a crop of the mouth (in a folder `mouth`) comes first.
 */
export const findGrid = async ({ files, readText }: SourceFiles): Promise<Findings> => {
  const sentences = new Map<string, Sentence>()
  const problems: Problem[] = []
  for (const path of files) {
    const place = placeOf(path)
    if (!place) continue
    const key = `${place.speaker}/${place.code}`
    const sentence = sentences.get(key) ?? place
    sentences.set(key, sentence)
    if (path.endsWith('.align')) sentence.align ??= path
    else if (isAudio(path)) sentence.audio ??= path
    else if (sentence.video === undefined || rank(path) < rank(sentence.video)) sentence.video = path
  }
  const clips: FoundClip[] = []
  for (const { speaker, code, audio, video, align } of sentences.values()) {
    const path = audio ?? video
    if (path === undefined) {
      problems.push({ path: align!, reason: 'There is no recording for it.' })
      continue
    }
    const text = align === undefined ? gridSentence(code) : wordsOf(await readText(align))
    if (text === undefined) {
      problems.push({
        path: align ?? path,
        reason: align === undefined ? 'It has no alignment, and its name is no sentence code.' : 'It is no alignment.',
      })
      continue
    }
    clips.push({
      path,
      id: `${speaker}_${code}`,
      speaker,
      text,
      ...(audio === undefined ? { isVideo: true } : {}),
      ...(video === undefined ? {} : { video }),
    })
  }
  return { clips, problems }
}

/** Talker and code of a file of the corpus, from its name and folders. */
const placeOf = (path: string): Sentence | undefined => {
  if (!isAudio(path) && !isVideo(path) && !path.endsWith('.align')) return undefined
  const stem = posix.basename(stemOf(path))
  const joined = /^(s\d+)[_-](\w+)$/.exec(stem)
  if (joined) return { speaker: joined[1]!, code: joined[2]! }
  const folder = posix
    .dirname(path)
    .split('/')
    .findLast((name) => /^s\d+$/.test(name))
  return folder === undefined ? undefined : { speaker: folder, code: stem }
}

/** Which of several videos is taken. */
const rank = (path: string): number => (/(^|\/)(mouth|lips?|crops?)\//.test(path) ? 0 : path.endsWith('.mp4') ? 1 : 2)

const wordsOf = (alignment: string): string | undefined => {
  const lines = alignment.split(/\r?\n/).filter((line) => line.trim() !== '')
  const parsed = lines.map((line) => /^\s*\d+(?:\.\d+)?\s+\d+(?:\.\d+)?\s+(\S+)\s*$/.exec(line)?.[1])
  if (lines.length === 0 || parsed.includes(undefined)) return undefined
  return parsed.filter((word) => !silences.has(word!)).join(' ')
}
