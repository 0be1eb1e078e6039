import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  CheckpointError,
  ConfigError,
  characterErrorRate,
  DataError,
  type Manifest,
  makeSchedule,
  openDataset,
  type RecordingCardOptions,
  referencesOf,
  type TrainingJob,
  type TrainingTask,
  transcribeDataset,
  wordErrorRate,
} from '@babble/core'
import { wav2vec2Config, writeWav2Vec2Config } from '../config'
import { ctcBatches } from '../data/ctc-batches'
import { receptiveField, samplesPerFrame } from '../geometry'
import { Wav2Vec2ForCTC } from '../heads/ctc'
import { Wav2Vec2CtcObjective } from '../heads/ctc-objective'
import { Wav2Vec2Recognizer } from '../heads/recognizer'
import { Wav2Vec2Processor } from '../processor'
import { freezeTransformerUntil, type LabelledSpeech, type Wav2Vec2Size } from '../recipe'
import { Wav2Vec2CtcTokenizer } from '../tokenizer'
import { readExtractor } from './extractor'
import { type FinetuningSettings, finetuningDefaults, finetuningSchema, labelledAmounts, sizes } from './recipes'

/** The texts of a manifest. @throws DataError for the first recording without one. */
function* textsOf(manifest: Manifest): Generator<string> {
  for (let index = 0; index < manifest.length; index++) {
    const text = manifest.text(index)
    if (text === undefined) {
      throw new DataError(`${manifest.path(index)} has no transcript.`, {
        file: manifest.file,
        field: 'text',
        cure: 'Fine-tuning needs a column "text", or a label file beside the manifest: --text-from wrd.',
      })
    }
    yield text
  }
}

const makeProcessor = async (
  { vocabulary: { source, units } }: FinetuningSettings,
  train: Manifest,
  from: string,
): Promise<Wav2Vec2Processor> => {
  if (source === 'transcripts') {
    return new Wav2Vec2Processor(
      // Batches come with a mask, as padding is then left out of the attention.
      await readExtractor(from),
      Wav2Vec2CtcTokenizer.fromTexts(textsOf(train), { units }),
    )
  }
  if (!existsSync(join(from, 'vocab.json'))) {
    throw new CheckpointError('the model has no vocabulary to keep.', {
      file: from,
      field: 'vocabulary.source',
      cure: 'Set vocabulary.source to transcripts.',
    })
  }
  return Wav2Vec2Processor.fromPretrained(from)
}

/** Fine-tuning with CTC as in the paper's section 3.3, of a pre-trained model, on transcribed recordings. */
export const finetuneTask: TrainingTask<FinetuningSettings> = {
  summary: 'Speech recognition with CTC on transcribed recordings (section 3.3)',
  startsFrom: 'model',
  needsText: true,
  choices: {
    size: { values: Object.keys(sizes), default: 'base', description: 'size of the pre-trained model' },
    labelled: {
      values: labelledAmounts,
      default: '10h',
      description: 'amount of labelled speech that the settings are for',
    },
  },
  schema: finetuningSchema,
  defaults: ({ size, labelled }) => finetuningDefaults(size as Wav2Vec2Size, labelled as LabelledSpeech),

  async build(recipe, context): Promise<TrainingJob> {
    const { from } = context
    if (from === undefined) {
      throw new ConfigError('fine-tuning starts from a pre-trained model.', { field: 'from', cure: 'Name its folder.' })
    }
    const { seed, maxSteps, freezeTransformerShare } = recipe
    const { maxSamples, batchSamples, buckets, multipleOf } = recipe.data
    const processor = await makeProcessor(recipe, context.train, from)
    const { vocabSize, blankId } = processor.tokenizer
    const newHead = recipe.vocabulary.source === 'transcripts'
    const model = await Wav2Vec2ForCTC.fromPretrained(from, {
      config: { ...recipe.config, ...(newHead ? { vocabSize, padTokenId: blankId } : {}) },
      newHead,
      seed,
    })
    // Dropouts of the directory, with the recipe's over them.
    const config = wav2vec2Config(model.config)
    if (recipe.freezeFeatureEncoder) model.freezeFeatureEncoder()
    const { samplingRate } = processor.featureExtractor
    const selection = { sampleRate: samplingRate, minSamples: receptiveField(config) + samplesPerFrame(config) }
    const train = await openDataset(context.train, { ...selection, maxSamples, part: 'training' }, context)
    const valid = context.valid && (await openDataset(context.valid, { ...selection, part: 'held-out' }, context))
    const references = valid ? referencesOf(valid) : undefined
    const batchSize = 8
    const recognizer = new Wav2Vec2Recognizer(model, processor, { batchSize })
    const transcribe = async (waveforms: readonly Float32Array[]) =>
      (await recognizer.transcribe(waveforms)).map(({ text }) => text)
    const frozen = Math.round(freezeTransformerShare * maxSteps)
    const evaluate = async () => {
      const heard = await transcribeDataset({ batchSize, transcribe }, valid!)
      return {
        wordErrorRate: wordErrorRate(references!, heard).rate,
        characterErrorRate: characterErrorRate(references!, heard).rate,
      }
    }
    const samples = async (): Promise<RecordingCardOptions[]> => {
      const shown = valid ?? train
      const heard = await transcribeDataset({ batchSize, transcribe }, shown, { most: 8 })
      return Promise.all(
        heard.map(async (hypothesis, index) => {
          const { path, text } = shown.clip(index)
          return {
            waveform: await shown.load(index),
            sampleRate: samplingRate,
            title: path.split(/[\\/]/).at(-1)!,
            hypothesis,
            ...(text === undefined ? {} : { reference: text }),
          }
        }),
      )
    }
    return {
      model,
      objective: new Wav2Vec2CtcObjective(model),
      data: ctcBatches(train, processor, { config, seed, maxSamples: batchSamples, buckets, multipleOf }),
      optimizer: recipe.optimizer,
      schedule: makeSchedule(recipe.schedule, maxSteps),
      ...(recipe.clipNorm === null ? {} : { clipNorm: recipe.clipNorm }),
      ...(frozen > 0 ? { parameterGroups: [freezeTransformerUntil(frozen)] } : {}),
      ...(valid ? { evaluate } : {}),
      modelConfig: writeWav2Vec2Config(config, 'Wav2Vec2ForCTC'),
      files: processor.files(),
      samples,
      save: (directory) => model.savePretrained(directory, { processor }),
      dispose: () => {
        recognizer.dispose()
        model.dispose()
        for (const dataset of [train, valid]) void dataset?.close?.()
      },
    }
  },
}
