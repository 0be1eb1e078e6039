import { writeFileAtomic } from '../checkpoint/index'
import type { Codebook } from './codebook'
import { concatenateDumps, type FeatureDump } from './feature-dump'

export interface DumpLabelsOptions {
  /** Frames that are on the engine at a time. Default: some 25 MB of them. */
  readonly chunkFrames?: number
  readonly signal?: AbortSignal
  /** Frames done so far, and all. */
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * Writes the class of each frame of feature dumps as a `.km` file: a line for each utterance, whole numbers with spaces between. The file
 * appears whole or not at all; memory is that of a chunk of frames and of its lines.
 *
 * @param dumps Whose utterances follow one another in the file
 * @throws DataError when the frames are of another size than the codebook's centroids, or not finite.
 */
export const dumpLabels = async (
  codebook: Codebook,
  dumps: readonly FeatureDump[],
  path: string,
  { signal, onProgress, chunkFrames }: DumpLabelsOptions = {},
): Promise<{ utterances: number; frames: number }> => {
  const source = concatenateDumps(dumps)
  const nearest = codebook.nearest(source.dim, {
    file: dumps[0]!.path,
    ...(chunkFrames !== undefined && { chunkFrames }),
  })
  const lengths = lengthsOf(dumps)
  let utterances = 0
  try {
    await writeFileAtomic(path, async (handle) => {
      let left = lengths.next()
      let remaining = left.value ?? 0
      let line = ''
      let text: string[] = []
      const endLines = (): void => {
        while (remaining === 0 && !left.done) {
          text.push(line, '\n')
          line = ''
          utterances++
          left = lengths.next()
          remaining = left.value ?? 0
        }
      }
      endLines()
      await nearest.label(
        source,
        async ({ start, frames, labels }) => {
          for (let i = 0; i < frames; i++) {
            line += line === '' ? labels[i] : ` ${labels[i]}`
            remaining--
            endLines()
          }
          await handle.appendFile(text.join(''))
          text = []
          onProgress?.(start + frames, source.frames)
        },
        signal,
      )
      await handle.appendFile(text.join(''))
    })
  } finally {
    nearest.dispose()
  }
  return { utterances, frames: source.frames }
}

function* lengthsOf(dumps: readonly FeatureDump[]): Generator<number, undefined> {
  for (const dump of dumps) for (let i = 0; i < dump.utterances; i++) yield dump.framesOf(i)
  return undefined
}
