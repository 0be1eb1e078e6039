import { posix } from 'node:path'
import { type Findings, type FoundClip, isAudio, isVideo, type Problem, type SourceFiles, stemOf, tidy } from './found'

/**
 * LRS2 and LRS3, and corpora laid out like them: `SPLIT/SPEAKER/NUMBER.mp4` (or a recording of that name) with `NUMBER.txt` beside, in
 * which a line `Text: …` has the words. The split is the first folder, where there is one above the speaker.
 */
export const findLrs3 = async ({ files, readText }: SourceFiles): Promise<Findings> => {
  const clips: FoundClip[] = []
  const problems: Problem[] = []
  const recordings = new Map(files.filter(isAudio).map((path) => [stemOf(path), path]))
  const videos = new Map(files.filter(isVideo).map((path) => [stemOf(path), path]))
  const texts = new Set(files.filter((path) => path.endsWith('.txt')))
  for (const stem of new Set([...recordings.keys(), ...videos.keys()])) {
    const [audio, video] = [recordings.get(stem), videos.get(stem)]
    const path = (audio ?? video)!
    if (!texts.has(`${stem}.txt`)) {
      problems.push({ path, reason: 'There is no .txt beside it.' })
      continue
    }
    const text = lrs3Text(await readText(`${stem}.txt`))
    if (text === undefined) {
      problems.push({ path: `${stem}.txt`, reason: 'It has no line "Text:".' })
      continue
    }
    const parts = posix.dirname(path).split('/')
    const speaker = parts.at(-1)
    clips.push({
      path,
      id: stem,
      text,
      ...(speaker === undefined || speaker === '.' ? {} : { speaker }),
      ...(parts.length >= 2 ? { split: parts.at(-2)! } : {}),
      ...(audio === undefined ? { isVideo: true } : {}),
      ...(video === undefined ? {} : { video }),
    })
  }
  return { clips, problems }
}

/** The words after `Text:`; undefined where there is no such line. */
export const lrs3Text = (content: string): string | undefined => {
  const match = /^Text:[ \t]*(.*)$/m.exec(content)
  return match ? tidy(match[1]!) : undefined
}
