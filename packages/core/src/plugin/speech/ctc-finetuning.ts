import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { z } from 'zod'
import type { Manifest } from '../../data/index'
import { characterErrorRate, wordErrorRate } from '../../decode/index'
import { CheckpointError, ConfigError, DataError } from '../../errors'
import type { RecordingCardOptions } from '../../report/index'
import {
  type CtcModel,
  CtcObjective,
  CtcRecognizer,
  CtcTokenizer,
  ctcBatches,
  receptiveField,
  type SpeechEncoderConfig,
  SpeechProcessor,
  samplesPerFrame,
} from '../../speech/index'
import type { TrainingJob, TrainingTask } from '../model-plugin'
import { openDataset } from '../open-dataset'
import { makeSchedule } from '../training-settings'
import { referencesOf, transcribeDataset } from '../transcribe-dataset'
import type { CtcFinetuningSettings } from './ctc-finetuning-settings'
import { freezeEncoderUntil, type LabelledSpeech, labelledAmounts } from './ctc-recipe'
import { readExtractor } from './extractor'

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
  { vocabulary: { source, units } }: CtcFinetuningSettings,
  train: Manifest,
  from: string,
): Promise<SpeechProcessor> => {
  if (source === 'transcripts') {
    return new SpeechProcessor(
      // Batches come with a mask, as padding is then left out of the attention.
      await readExtractor(from),
      CtcTokenizer.fromTexts(textsOf(train), { units }),
    )
  }
  if (!existsSync(join(from, 'vocab.json'))) {
    throw new CheckpointError('the model has no vocabulary to keep.', {
      file: from,
      field: 'vocabulary.source',
      cure: 'Set vocabulary.source to transcripts.',
    })
  }
  return SpeechProcessor.fromPretrained(from)
}

export interface CtcFinetuningOptions {
  /** One line for `--help`. */
  readonly summary: string
  /** Names of the sizes, and the one that is taken by default. */
  readonly sizes: readonly string[]
  readonly defaultSize: string
  readonly schema: z.ZodType<CtcFinetuningSettings>
  defaults(size: string, labelled: LabelledSpeech): CtcFinetuningSettings
  /** The encoder's name in checkpoints, with a dot: `hubert.`. */
  readonly basePrefix: string
  /** Loads the model with fields changed. */
  load(
    directory: string,
    options: { config: Partial<SpeechEncoderConfig>; newHead: boolean; seed: number },
  ): Promise<CtcModel>
  /** The contents of `config.json` for the model as it is saved. */
  configJson(config: SpeechEncoderConfig): Record<string, unknown>
}

/** Fine-tuning with CTC of a pre-trained model, on transcribed recordings: a plugin's `finetune`. */
export const ctcFinetuning = (options: CtcFinetuningOptions): TrainingTask<CtcFinetuningSettings> => ({
  summary: options.summary,
  startsFrom: 'model',
  needsText: true,
  choices: {
    size: { values: options.sizes, default: options.defaultSize, description: 'size of the pre-trained model' },
    labelled: {
      values: labelledAmounts,
      default: '10h',
      description: 'amount of labelled speech that the settings are for',
    },
  },
  schema: options.schema,
  defaults: ({ size, labelled }) => options.defaults(size!, labelled as LabelledSpeech),

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
    const model = await options.load(from, {
      config: { ...recipe.config, ...(newHead ? { vocabSize, padTokenId: blankId } : {}) },
      newHead,
      seed,
    })
    const { config } = model
    if (recipe.freezeFeatureEncoder) model.freezeFeatureEncoder()
    const { samplingRate } = processor.featureExtractor
    const selection = { sampleRate: samplingRate, minSamples: receptiveField(config) + samplesPerFrame(config) }
    const train = await openDataset(context.train, { ...selection, maxSamples, part: 'training' }, context)
    const valid = context.valid && (await openDataset(context.valid, { ...selection, part: 'held-out' }, context))
    const references = valid ? referencesOf(valid) : undefined
    const batchSize = 8
    const recognizer = new CtcRecognizer(model, processor, { batchSize })
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
      objective: new CtcObjective(model),
      data: ctcBatches(train, processor, { config, seed, maxSamples: batchSamples, buckets, multipleOf }),
      optimizer: recipe.optimizer,
      schedule: makeSchedule(recipe.schedule, maxSteps),
      ...(recipe.clipNorm === null ? {} : { clipNorm: recipe.clipNorm }),
      ...(frozen > 0 ? { parameterGroups: [freezeEncoderUntil(options.basePrefix, frozen)] } : {}),
      ...(valid ? { evaluate } : {}),
      modelConfig: options.configJson(config),
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
})
