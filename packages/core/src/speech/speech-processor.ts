import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../checkpoint/index'
import { CheckpointError } from '../errors'
import { CtcTokenizer, type DecodeOptions } from './ctc-tokenizer'
import { type ExtractedFeatures, type ExtractOptions, SpeechFeatureExtractor } from './feature-extractor'

const vocabFile = 'vocab.json'
const tokenizerFile = 'tokenizer_config.json'
const extractorFile = 'preprocessor_config.json'
/** Where Transformers 5 puts what `preprocessor_config.json` held. */
const processorFile = 'processor_config.json'

/** What turns waveforms into a CTC model's input and its output into text: a feature extractor and a tokenizer. */
export class SpeechProcessor {
  readonly featureExtractor: SpeechFeatureExtractor
  readonly tokenizer: CtcTokenizer

  constructor(featureExtractor: SpeechFeatureExtractor, tokenizer: CtcTokenizer) {
    this.featureExtractor = featureExtractor
    this.tokenizer = tokenizer
  }

  /**
   * Reads `vocab.json`, and `tokenizer_config.json` and `preprocessor_config.json` (or `processor_config.json`) where they are there,
   * from a model directory.
   *
   * @throws CheckpointError when there is no vocabulary, or a file is not JSON; ConfigError when one does not fit this model.
   */
  static async fromPretrained(dir: string): Promise<SpeechProcessor> {
    const vocab = await readJson(join(dir, vocabFile))
    if (!vocab) {
      throw new CheckpointError(`it holds no ${vocabFile}.`, {
        file: dir,
        field: vocabFile,
        cure: 'A model that was not fine-tuned with CTC has no vocabulary: make one with CtcTokenizer.fromTexts.',
      })
    }
    const tokenizer = CtcTokenizer.fromJson(vocab, await readJson(join(dir, tokenizerFile)), join(dir, vocabFile))
    const nested = (await readJson(join(dir, processorFile)))?.feature_extractor as Record<string, unknown> | undefined
    const extractor = (await readJson(join(dir, extractorFile))) ?? nested ?? {}
    return new SpeechProcessor(SpeechFeatureExtractor.fromJson(extractor, join(dir, extractorFile)), tokenizer)
  }

  /** Writes the processor's files into `dir`, which is made if needed; other files there stay. */
  async savePretrained(dir: string): Promise<void> {
    await mkdir(dir, { recursive: true })
    for (const [name, text] of Object.entries(this.files())) await writeFileAtomic(join(dir, name), text)
  }

  /** The processor's files by name, to be written along with a model. */
  files(): Record<string, string> {
    const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`
    return {
      [vocabFile]: json(this.tokenizer.vocabJson()),
      [tokenizerFile]: json(this.tokenizer.toJson()),
      [extractorFile]: json(this.featureExtractor.toJson()),
    }
  }

  /** Waveforms as a model's input: see `SpeechFeatureExtractor.extract`. */
  extract(waveforms: readonly Float32Array[], options?: ExtractOptions): ExtractedFeatures {
    return this.featureExtractor.extract(waveforms, options)
  }

  /** A text's labels: see `CtcTokenizer.encode`. */
  encode(text: string, options?: { unknown?: 'error' | 'token'; file?: string }): Int32Array {
    return this.tokenizer.encode(text, options)
  }

  /** A CTC path's text: see `CtcTokenizer.decode`. */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string {
    return this.tokenizer.decode(ids, options)
  }
}

/** A JSON object, or undefined if there is no such file. */
const readJson = async (file: string): Promise<Record<string, unknown> | undefined> => {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new CheckpointError('it cannot be read.', { file, cause })
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (cause) {
    throw new CheckpointError(`it is not JSON: ${(cause as Error).message}.`, {
      file,
      cause,
      cure: 'Correct it or fetch it again.',
    })
  }
  throw new CheckpointError('it does not hold a JSON object.', { file, cure: 'Correct it or fetch it again.' })
}
