import {
  ConfigError,
  type OptimizerSettings,
  optimizerSchema,
  type ScheduleSettings,
  scheduleSchema,
  type TrainingSettings,
  trainingSettings,
  trainingSettingsShape,
} from '@babble/core'
import { z } from 'zod'
import { configRules, type Wav2Vec2Config, wav2vec2Config } from '../config'
import type { FieldRule } from '../config-rules'
import { ctcRecipe, type LabelledSpeech, pretrainingRecipe, type Wav2Vec2Size } from '../recipe'

/** Fields of the model's configuration, as a recipe may say them. */
export type ConfigFields = Partial<Omit<Wav2Vec2Config, 'extra'>>

export const sizes: Readonly<Record<Wav2Vec2Size, string>> = {
  tiny: '0.66 M parameters, for a laptop: minutes to hours on a CPU',
  base: "95 M parameters, the paper's BASE: days on several GPUs",
  large: "317 M parameters, the paper's LARGE on LibriVox",
}

const fieldSchema = (rule: FieldRule) => z.custom<unknown>(rule.allows, `it must be ${rule.expected}`).optional()

/** @param whole Whether all fields are there, so that those that depend on one another can be compared. */
const configSchema = (whole: boolean): z.ZodType<ConfigFields> => {
  const fields = Object.entries(configRules).map(([field, rule]) => [field, fieldSchema(rule)] as const)
  return z.strictObject(Object.fromEntries(fields)).superRefine((config, context) => {
    if (!whole) return
    try {
      wav2vec2Config(config as ConfigFields)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      context.addIssue({ code: 'custom', path: error.field === undefined ? [] : [error.field], message: error.message })
    }
  }) as z.ZodType<ConfigFields>
}

const count = z.int().min(1)
const size = z.enum(['tiny', 'base', 'large'])
const clipNorm = z.number().positive().nullable().describe('Largest gradient norm; null: no clipping')
const buckets = count.describe('Lengths of batches; each compiles a program of its own')
const multipleOf = count.describe(
  'The utterances of a batch are a multiple of this, and this one of accumulate x devices',
)

export interface PretrainingSettings extends TrainingSettings {
  readonly size: Wav2Vec2Size
  readonly config: ConfigFields
  readonly optimizer: OptimizerSettings
  readonly schedule: ScheduleSettings
  readonly clipNorm: number | null
  readonly gumbelTemperature: { readonly start: number; readonly end: number; readonly decay: number }
  readonly featureGradMult: number
  readonly featurePenaltyWeight: number
  readonly data: {
    readonly sampleRate: number
    readonly cropSamples: number
    readonly batchSamples: number
    readonly buckets: number
    readonly multipleOf: number
  }
}

export const pretrainingSchema: z.ZodType<PretrainingSettings> = z.strictObject({
  size: size.describe('Of the model; decides over the other defaults'),
  ...trainingSettingsShape,
  config: configSchema(true).describe("The model's fields, as in config.json"),
  optimizer: optimizerSchema.describe('AdamW'),
  schedule: scheduleSchema.describe('Factor on the learning rate'),
  clipNorm,
  gumbelTemperature: z
    .strictObject({
      start: z.number().positive(),
      end: z.number().positive(),
      decay: z.number().positive().max(1).describe('Factor from one update to the next'),
    })
    .describe('Of the quantiser (section 4.2)'),
  featureGradMult: z.number().min(0).describe('Factor on the gradient that reaches the waveform encoder'),
  featurePenaltyWeight: z.number().min(0).describe("Weight of the mean square of the waveform encoder's output"),
  data: z.strictObject({
    sampleRate: count.describe('Hz that recordings are brought to'),
    cropSamples: count.describe('Longest utterance'),
    batchSamples: count.describe('Samples of a whole batch, over all devices and parts'),
    buckets,
    multipleOf,
  }),
})

/** The paper's settings (section 4.2), or those for a laptop. */
export const pretrainingDefaults = (size: Wav2Vec2Size): PretrainingSettings => {
  const { config, maxSteps, optimizer, clipNorm, ...rest } = pretrainingRecipe(size)
  const { gumbelTemperature, featureGradMult, featurePenaltyWeight, cropSamples, batchSamples } = rest
  const { extra: _, ...fields } = config
  return {
    size,
    ...trainingSettings(
      maxSteps,
      size === 'tiny' ? { checkpointEvery: 200 } : { logEvery: 200, checkpointEvery: 5000 },
    ),
    config: fields,
    optimizer,
    schedule: { name: 'polynomial', warmup: 0.08, power: 1, end: 0 },
    clipNorm: clipNorm ?? null,
    gumbelTemperature: { start: 2, end: 0.5, decay: 0.999995, ...gumbelTemperature },
    featureGradMult,
    featurePenaltyWeight,
    data: { sampleRate: 16_000, cropSamples, batchSamples, buckets: size === 'tiny' ? 2 : 8, multipleOf: 8 },
  }
}

export interface FinetuningSettings extends TrainingSettings {
  readonly size: Wav2Vec2Size
  readonly labelled: LabelledSpeech
  readonly config: ConfigFields
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

export const labelledAmounts = ['10min', '1h', '10h', '100h', '960h'] as const satisfies readonly LabelledSpeech[]

export const finetuningSchema: z.ZodType<FinetuningSettings> = z.strictObject({
  size: size.describe('Of the pre-trained model; decides over the other defaults'),
  labelled: z
    .enum(labelledAmounts)
    .describe('Amount of labelled speech; decides over the other defaults, except for tiny'),
  ...trainingSettingsShape,
  config: configSchema(false).describe("What is changed of the pre-trained model's fields"),
  optimizer: optimizerSchema.describe('AdamW'),
  schedule: scheduleSchema.describe('Factor on the learning rate'),
  clipNorm,
  freezeTransformerShare: z.number().min(0).max(1).describe('Share of the updates in which only the CTC head learns'),
  freezeFeatureEncoder: z.boolean().describe('Keep the waveform encoder as it is'),
  vocabulary: z.strictObject({
    source: z.enum(['transcripts', 'model']).describe('model: keep the vocabulary and the head of a fine-tuned model'),
    units: z.enum(['letters', 'words']),
  }),
  data: z.strictObject({
    maxSamples: count.describe('Longer utterances are left out'),
    batchSamples: count.describe('Samples of a whole batch, padding included, over all devices and parts'),
    buckets,
    multipleOf,
  }),
})

/**
 * The paper's settings (section 4.3 and appendix B) for an amount of labelled speech. `tiny` has settings for a laptop: a small model
 * needs a higher learning rate than a large one, and is not worth freezing.
 */
export const finetuningDefaults = (size: Wav2Vec2Size, labelled: LabelledSpeech): FinetuningSettings => {
  const { config, maxSteps, optimizer, freezeTransformerUpdates } = ctcRecipe(labelled)
  const shared = {
    size,
    labelled,
    schedule: { name: 'triStage', phases: [0.1, 0.4, 0.5], start: 0.01, end: 0.05 } as ScheduleSettings,
    freezeFeatureEncoder: true,
    vocabulary: { source: 'transcripts', units: 'letters' } as const,
  }
  if (size === 'tiny') {
    const { layerdrop: _, ...fields } = config
    return {
      ...shared,
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
    data: {
      maxSamples: 500_000,
      batchSamples: size === 'base' ? 8 * 3_200_000 : 24 * 1_280_000,
      buckets: 8,
      multipleOf: 8,
    },
  }
}
