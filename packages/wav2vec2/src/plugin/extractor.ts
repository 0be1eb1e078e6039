import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CheckpointError } from '@babble/core'
import { Wav2Vec2FeatureExtractor } from '../feature-extractor'

/** What Hugging Face reads from how waveforms become a model's input. */
export const extractorFile = 'preprocessor_config.json'

/** The file's content. */
export const extractorText = (extractor: Wav2Vec2FeatureExtractor): string =>
  `${JSON.stringify(extractor.toJson(), null, 2)}\n`

/** How waveforms become the input of the model in a directory; for a checkpoint, what its run's folder says. */
export const readExtractor = async (directory: string): Promise<Wav2Vec2FeatureExtractor> => {
  const file = [join(directory, extractorFile), join(dirname(directory), extractorFile)].find(existsSync)
  if (file === undefined) return new Wav2Vec2FeatureExtractor()
  try {
    return Wav2Vec2FeatureExtractor.fromJson(JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>, file)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new CheckpointError(`it is not JSON: ${cause.message}.`, { file, cause, cure: 'Fetch it again.' })
  }
}
