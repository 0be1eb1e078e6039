import { posix } from 'node:path'
import { type Findings, type FoundClip, isAudio, type Problem, type SourceFiles, stemOf, tidy } from './found'

/**
 * LibriSpeech, and corpora laid out like it (MLS, LibriLight's subsets): `SPLIT/SPEAKER/CHAPTER/SPEAKER-CHAPTER-NUMBER.flac`, and in each
 * chapter `*.trans.txt` with a line `ID TEXT` for each recording. The split is the first folder, where there is one above the speaker.
 */
export const findLibriSpeech = async ({ files, readText }: SourceFiles): Promise<Findings> => {
  const clips: FoundClip[] = []
  const problems: Problem[] = []
  const recordings = new Map(files.filter(isAudio).map((path) => [stemOf(path), path]))
  for (const list of files.filter((path) => path.endsWith('.trans.txt'))) {
    const folder = posix.dirname(list)
    const parts = folder === '.' ? [] : folder.split('/')
    for (const [number, line] of (await readText(list)).split(/\r?\n/).entries()) {
      if (line.trim() === '') continue
      const [, id, text] = /^\s*(\S+)\s*(.*)$/.exec(line)!
      const path = recordings.get(posix.join(folder, id!))
      if (path === undefined) {
        problems.push({ path: `${list}:${number + 1}`, reason: `There is no recording ${id} beside it.` })
        continue
      }
      recordings.delete(stemOf(path))
      const speaker = /^(\d+)-\d+-\d+$/.exec(id!)?.[1] ?? parts.at(-2)
      clips.push({
        path,
        id: id!,
        text: tidy(text!),
        ...(speaker === undefined ? {} : { speaker }),
        ...(parts.length >= 3 ? { split: parts.at(-3)! } : {}),
      })
    }
  }
  for (const path of recordings.values()) problems.push({ path, reason: 'No .trans.txt has its transcript.' })
  return { clips, problems }
}
