import { DataError } from '../../errors'
import { findFolder } from './folder'
import { type Findings, isAudio, isVideo, type SourceFiles, stemOf } from './found'
import { findGrid } from './grid'
import { findLibriSpeech } from './librispeech'
import { findLrs3, lrs3Text } from './lrs3'
import { sourceFiles } from './walk'

/** How a corpus lies on the disk. */
export type CorpusLayout = 'librispeech' | 'grid' | 'lrs3' | 'folder'

export const corpusLayouts: Readonly<Record<CorpusLayout, (source: SourceFiles, root: string) => Promise<Findings>>> = {
  librispeech: findLibriSpeech,
  grid: findGrid,
  lrs3: findLrs3,
  folder: findFolder,
}

/** Files that are looked at to tell a layout. */
const mostFiles = 20_000

/**
 * Tells a corpus's layout from its files: `*.trans.txt` is LibriSpeech's, `*.align` is GRID's, `Text:` in texts beside recordings is LRS3's,
 * anything else with recordings is a plain folder.
 *
 * @throws DataError when there are no recordings.
 */
export const detectLayout = async (source: string): Promise<CorpusLayout> => {
  const found = await sourceFiles(source, { most: mostFiles })
  return layoutOf(found, source)
}

export const layoutOf = async ({ files, readText }: SourceFiles, source: string): Promise<CorpusLayout> => {
  if (files.some((path) => path.endsWith('.trans.txt'))) return 'librispeech'
  if (files.some((path) => path.endsWith('.align'))) return 'grid'
  const recordings = files.filter((path) => isAudio(path) || isVideo(path))
  if (recordings.length === 0) {
    throw new DataError('there are no recordings in it.', {
      file: source,
      cure: 'Name the folder of a corpus: .wav, .flac, .mp3, .ogg, .opus, or videos.',
    })
  }
  const present = new Set(files)
  const text = recordings.map((path) => `${stemOf(path)}.txt`).find((path) => present.has(path))
  return text !== undefined && lrs3Text(await readText(text)) !== undefined ? 'lrs3' : 'folder'
}
