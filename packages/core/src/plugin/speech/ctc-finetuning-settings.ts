import { z } from 'zod'
import type { FieldRule, SpeechEncoderConfig } from '../../speech/index'
import {
  type OptimizerSettings,
  optimizerSchema,
  type ScheduleSettings,
  scheduleSchema,
  type TrainingSettings,
  trainingSettings,
  trainingSettingsShape,
} from '../training-settings'
import { configSchema } from './config-schema'
import { type CtcRecipe, type LabelledSpeech, labelledAmounts } from './ctc-recipe'

/** A recipe for fine-tuning with CTC, as YAML may say it. */
export interface CtcFinetuningSettings extends TrainingSettings {
  readonly size: string
  readonly labelled: LabelledSpeech
  readonly config: Partial<Omit<SpeechEncoderConfig, 'extra'>>
  readonly optimizer: OptimizerSettings
  readonly schedule: ScheduleSettings
  readonly clipNorm: number | null
  readonly freezeTransformerShare: number
  readonly freezeFeatureEncoder: boolean
  readonly vocabulary: { readonly source: 'transcripts' | 'model'; readonly units: 'letters' | 'words' }
  readonly data: {
    readonly maxSamples: number
    readonly batchSamples: number
    readonly buckets: number
    readonly multipleOf: number
  }
}

const count = z.int().min(1)

/** Parts of a recipe's schema that pre-training and fine-tuning have in common. */
export const sharedSchema = {
  clipNorm: z.number().positive().nullable().describe('Largest gradient norm; null: no clipping'),
  buckets: count.describe('Lengths of batches; each compiles a program of its own'),
  multipleOf: count.describe('The utterances of a batch are a multiple of this, and this one of accumulate x devices'),
}

/** @param sizes Names of the model's sizes. */
export const ctcFinetuningSchema = (
  sizes: readonly string[],
  rules: Readonly<Record<string, FieldRule | undefined>>,
): z.ZodType<CtcFinetuningSettings> =>
  z.strictObject({
    size: z.enum(sizes as [string, ...string[]]).describe('Of the pre-trained model; decides over the other defaults'),
    labelled: z
      .enum(labelledAmounts)
      .describe('Amount of labelled speech; decides over the other defaults, except for tiny'),
    ...trainingSettingsShape,
    config: configSchema<SpeechEncoderConfig>(rules).describe("What is changed of the pre-trained model's fields"),
    optimizer: optimizerSchema.describe('AdamW'),
    schedule: scheduleSchema.describe('Factor on the learning rate'),
    clipNorm: sharedSchema.clipNorm,
    freezeTransformerShare: z.number().min(0).max(1).describe('Share of the updates in which only the CTC head learns'),
    freezeFeatureEncoder: z.boolean().describe('Keep the waveform encoder as it is'),
    vocabulary: z.strictObject({
      source: z
        .enum(['transcripts', 'model'])
        .describe('model: keep the vocabulary and the head of a fine-tuned model'),
      units: z.enum(['letters', 'words']),
    }),
    data: z.strictObject({
      maxSamples: count.describe('Longer utterances are left out'),
      batchSamples: count.describe('Samples of a whole batch, padding included, over all devices and parts'),
      buckets: sharedSchema.buckets,
      multipleOf: sharedSchema.multipleOf,
    }),
  })

/**
 * A paper's settings as a recipe's defaults. `tiny` has settings for a laptop: a small model needs a higher learning rate than a large
 * one, and is not worth freezing.
 *
 * @param batchSamples Of a whole batch, for the sizes of the paper.
 */
export const ctcFinetuningDefaults = (
  size: string,
  labelled: LabelledSpeech,
  recipe: CtcRecipe,
  schedule: ScheduleSettings,
  batchSamples: number,
): CtcFinetuningSettings => {
  const { config, maxSteps, optimizer, freezeTransformerUpdates } = recipe
  const shared = {
    size,
    labelled,
    schedule,
    freezeFeatureEncoder: true,
    vocabulary: { source: 'transcripts', units: 'letters' } as const,
  }
  if (size === 'tiny') {
    const { layerdrop: _, ...fields } = config
    return {
      ...shared,
      schedule: { name: 'triStage', phases: [0.1, 0.4, 0.5], start: 0.01, end: 0.05 },
      ...trainingSettings(2000, { checkpointEvery: 200, evaluateEvery: 200, keepBest: 'wordErrorRate' }),
      config: { ...fields, maskTimeProb: 0.05, maskFeatureProb: 0, ctcLossReduction: 'mean' },
      optimizer: { ...optimizer, learningRate: 1e-3 },
      clipNorm: 5,
      freezeTransformerShare: 0,
      // What so little pre-training has made of it is not worth keeping.
      freezeFeatureEncoder: false,
      data: { maxSamples: 160_000, batchSamples: 640_000, buckets: 4, multipleOf: 8 },
    }
  }
  return {
    ...shared,
    ...trainingSettings(maxSteps, {
      logEvery: 200,
      checkpointEvery: 1000,
      evaluateEvery: 1000,
      keepBest: 'wordErrorRate',
    }),
    config,
    optimizer,
    clipNorm: null,
    freezeTransformerShare: freezeTransformerUpdates / maxSteps,
    data: { maxSamples: 500_000, batchSamples, buckets: 8, multipleOf: 8 },
  }
}
