import {
  type CtcFinetuningSettings,
  configSchema,
  ctcFinetuningDefaults,
  ctcFinetuningSchema,
  type LabelledSpeech,
  type OptimizerSettings,
  optimizerSchema,
  type ScheduleSettings,
  scheduleSchema,
  sharedSchema,
  type TrainingSettings,
  trainingSettings,
  trainingSettingsShape,
} from '@babble/core'
import { z } from 'zod'
import { configRules, type Wav2Vec2Config, wav2vec2Config } from '../config'
import { ctcRecipe, pretrainingRecipe, type Wav2Vec2Size } from '../recipe'

/** Fields of the model's configuration, as a recipe may say them. */
export type ConfigFields = Partial<Omit<Wav2Vec2Config, 'extra'>>

export const sizes: Readonly<Record<Wav2Vec2Size, string>> = {
  tiny: '0.66 M parameters, for a laptop: minutes to hours on a CPU',
  base: "95 M parameters, the paper's BASE: days on several GPUs",
  large: "317 M parameters, the paper's LARGE on LibriVox",
}

const count = z.int().min(1)

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
  size: z.enum(['tiny', 'base', 'large']).describe('Of the model; decides over the other defaults'),
  ...trainingSettingsShape,
  config: configSchema<Wav2Vec2Config>(configRules, wav2vec2Config).describe("The model's fields, as in config.json"),
  optimizer: optimizerSchema.describe('AdamW'),
  schedule: scheduleSchema.describe('Factor on the learning rate'),
  clipNorm: sharedSchema.clipNorm,
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
    buckets: sharedSchema.buckets,
    multipleOf: sharedSchema.multipleOf,
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

/** How fine-tuning's learning rate goes (appendix B). */
const finetuningSchedule: ScheduleSettings = { name: 'triStage', phases: [0.1, 0.4, 0.5], start: 0.01, end: 0.05 }

export const finetuningSchema = ctcFinetuningSchema(Object.keys(sizes), configRules)

/** The paper's settings (section 4.3 and appendix B) for an amount of labelled speech. */
export const finetuningDefaults = (size: string, labelled: LabelledSpeech): CtcFinetuningSettings =>
  ctcFinetuningDefaults(
    size,
    labelled,
    ctcRecipe(labelled),
    finetuningSchedule,
    size === 'base' ? 8 * 3_200_000 : 24 * 1_280_000,
  )
