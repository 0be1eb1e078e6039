import { posix, relative, resolve, sep } from 'node:path'
import type { Clip } from '../clip'
import { readManifest } from '../read-manifest'
import { type Findings, type FoundClip, isAudio, isVideo, type Problem, type SourceFiles, stemOf, tidy } from './found'

/** Lists that a folder may have at its top, with columns `path`, `text`, … (see `readManifest`). */
const listNames = ['manifest.tsv', 'manifest.jsonl', 'metadata.tsv', 'transcripts.tsv']

/**
 * A folder of recordings, in folders or not. Transcripts come from a list at its top (`manifest.tsv`, …, with the columns path and text, and
 * speaker and split if it has them), or from a `.txt` or `.lab` beside each recording; recordings without one are kept. The folder that a
 * recording is in stands for its speaker where there are folders of one level.
 */
export const findFolder = async ({ files, readText }: SourceFiles, root: string): Promise<Findings> => {
  const clips: FoundClip[] = []
  const problems: Problem[] = []
  const list = listNames.find((name) => files.includes(name))
  const listed = new Map<string, Clip>()
  if (list !== undefined) {
    const manifest = await readManifest(resolve(root, list), { onBadLine: 'skip' })
    for (const reason of manifest.skipped.first) problems.push({ path: list, reason })
    for (const clip of manifest) listed.set(relative(root, clip.path).split(sep).join('/'), clip)
  }
  const present = new Set(files)
  for (const path of files) {
    if (!isAudio(path) && !isVideo(path)) continue
    // A video beside a recording of the same name is its picture.
    if (isVideo(path) && [...'wav flac mp3 ogg opus'.split(' ')].some((kind) => present.has(`${stemOf(path)}.${kind}`)))
      continue
    const entry = listed.get(path)
    listed.delete(path)
    if (list !== undefined && !entry) {
      problems.push({ path, reason: `${list} does not list it.` })
      continue
    }
    const beside = [`${stemOf(path)}.txt`, `${stemOf(path)}.lab`].find((name) => present.has(name))
    const text = entry?.text ?? (beside === undefined ? undefined : tidy(await readText(beside)))
    const parts = posix.dirname(path).split('/')
    const speaker = entry ? entry.speaker : parts.length === 1 && parts[0] !== '.' ? parts[0] : undefined
    const video = isVideo(path)
      ? path
      : ['mp4', 'mpg', 'avi', 'mov'].map((kind) => `${stemOf(path)}.${kind}`).find((name) => present.has(name))
    clips.push({
      path,
      id: stemOf(path),
      ...(text === undefined ? {} : { text }),
      ...(speaker ? { speaker } : {}),
      ...(entry?.split ? { split: entry.split } : {}),
      ...(isVideo(path) ? { isVideo: true } : {}),
      ...(video === undefined ? {} : { video }),
    })
  }
  for (const path of listed.keys()) problems.push({ path, reason: `${list} lists it, but it is not there.` })
  return { clips, problems }
}
