import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError, readManifest } from '@babble/core'
import { type Corpus, type DigitClip, digitWords, type Split } from './corpus'

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

/**
 * A folder of recordings with a `manifest.tsv` (columns path, text, speaker and split: train, valid or test; clips of other splits are
 * left out), or a folder with such a folder `digits` in it.
 *
 * @throws DataError when there is no manifest, when it is not about digits, or a split is empty.
 */
export const localCorpus = async (directory: string): Promise<Corpus> => {
  const candidates = [join(directory, 'manifest.tsv'), join(directory, 'digits', 'manifest.tsv')]
  let manifest: string | undefined
  for (const candidate of candidates) if (manifest === undefined && (await exists(candidate))) manifest = candidate
  if (manifest === undefined) {
    throw new DataError('there is no manifest.tsv, and none in a folder "digits".', {
      file: directory,
      cure: 'Name a folder with audio files and a manifest.tsv (columns path, text, speaker, split).',
    })
  }
  const clips = [...(await readManifest(manifest))]
  const used = clips.filter(({ split }) => split === 'train' || split === 'valid' || split === 'test')
  for (const clip of used) {
    if (clip.text === undefined || !(digitWords as readonly string[]).includes(clip.text)) {
      throw new DataError(`the text of ${clip.path} is ${JSON.stringify(clip.text ?? '')}.`, {
        file: manifest,
        field: 'text',
        cure: `It must be one of ${digitWords.join(', ')}.`,
      })
    }
  }
  const missing = (['train', 'valid', 'test'] as const satisfies Split[]).filter(
    (split) => !used.some((clip) => clip.split === split),
  )
  if (missing.length > 0) {
    throw new DataError(`it has no clips of the split ${missing.join(' or ')}.`, {
      file: manifest,
      field: 'split',
      cure: 'Name each clip train, valid or test in the column "split".',
    })
  }
  const spoken = used.map((clip) => ({ ...clip, speaker: clip.speaker ?? 'unknown' })) as DigitClip[]
  return { clips: spoken, source: `recordings in ${directory}`, synthetic: false }
}
