import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CheckpointError } from '../../errors'
import { SpeechFeatureExtractor } from '../../speech/index'

/** What Hugging Face reads from how waveforms become a model's input. */
export const extractorFile = 'preprocessor_config.json'

/** The file's content. */
export const extractorText = (extractor: SpeechFeatureExtractor): string =>
  `${JSON.stringify(extractor.toJson(), null, 2)}\n`

/** How waveforms become the input of the model in a directory; for a checkpoint, what its run's folder says. */
export const readExtractor = async (directory: string): Promise<SpeechFeatureExtractor> => {
  const file = [join(directory, extractorFile), join(dirname(directory), extractorFile)].find(existsSync)
  if (file === undefined) return new SpeechFeatureExtractor()
  try {
    return SpeechFeatureExtractor.fromJson(JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>, file)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new CheckpointError(`it is not JSON: ${cause.message}.`, { file, cause, cure: 'Fetch it again.' })
  }
}
