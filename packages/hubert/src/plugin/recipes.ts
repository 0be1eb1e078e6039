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
import { configRules, type HubertConfig, hubertConfig } from '../config'
import { ctcSchedule, type HubertSize, hubertCtcRecipe, hubertPretrainingRecipe } from '../recipe'

/** Fields of the model's configuration, as a recipe may say them. */
export type ConfigFields = Partial<Omit<HubertConfig, 'extra'>>

/** What the labels are clusters of: it decides over their rate and the number of updates. */
export const labelSources = ['mfcc', 'layer'] as const
export type LabelSource = (typeof labelSources)[number]

export const sizes: Readonly<Record<HubertSize, string>> = {
  tiny: '0.65 M parameters, for a laptop: minutes to hours on a CPU',
  base: "95 M parameters, the paper's BASE: days on several GPUs",
  large: "317 M parameters, the paper's LARGE on Libri-Light",
  xlarge: "964 M parameters, the paper's X-LARGE on Libri-Light",
}

const count = z.int().min(1)
const amount = z.number().min(0)
const paths = z.array(z.string())

export interface PretrainingSettings extends TrainingSettings {
  readonly size: HubertSize
  readonly labelsFrom: LabelSource
  readonly labels: readonly string[]
  readonly validLabels: readonly string[]
  readonly config: ConfigFields
  readonly optimizer: OptimizerSettings
  readonly schedule: ScheduleSettings
  readonly clipNorm: number | null
  readonly maskedWeight: number
  readonly unmaskedWeight: number
  readonly featureGradMult: number
  readonly featurePenaltyWeight: number
  readonly data: {
    readonly normalize: boolean
    readonly minSamples: number
    readonly cropSamples: number
    readonly labelTolerance: number
    readonly batchSamples: number
    readonly buckets: number
    readonly multipleOf: number
  }
}

export const pretrainingSchema: z.ZodType<PretrainingSettings> = z.strictObject({
  size: z.enum(['tiny', 'base', 'large', 'xlarge']).describe('Of the model; decides over the other defaults'),
  labelsFrom: z
    .enum(labelSources)
    .describe('What the labels are clusters of: mfcc (first iteration, 100 a second) or a layer (later ones, 50)'),
  ...trainingSettingsShape,
  labels: paths.describe('Files of labels (.km) of the training recordings, one for each set of clusters'),
  validLabels: paths.describe('Those of the held-out recordings; none: no evaluation'),
  config: configSchema<HubertConfig>(configRules, hubertConfig).describe(
    "The model's fields, as in config.json; without numClasses the labels decide",
  ),
  optimizer: optimizerSchema.describe('AdamW'),
  schedule: scheduleSchema.describe('Factor on the learning rate'),
  clipNorm: sharedSchema.clipNorm,
  maskedWeight: amount.describe('Weight of the loss on masked frames'),
  unmaskedWeight: amount.describe('Weight of the loss on the other frames'),
  featureGradMult: amount.describe('Factor on the gradient that reaches the waveform encoder'),
  featurePenaltyWeight: amount.describe("Weight of the mean square of the waveform encoder's output"),
  data: z.strictObject({
    normalize: z.boolean().describe('Bring each recording to zero mean and unit variance'),
    minSamples: count.describe('Shorter utterances are left out'),
    cropSamples: count.describe('Longest utterance'),
    labelTolerance: amount.describe('Seconds by which a recording and its labels may differ; others are left out'),
    batchSamples: count.describe('Samples of a whole batch, over all devices and parts'),
    buckets: sharedSchema.buckets,
    multipleOf: sharedSchema.multipleOf,
  }),
})

/** The paper's settings (section IV-C), or those for a laptop. */
export const pretrainingDefaults = (size: HubertSize, labelsFrom: LabelSource): PretrainingSettings => {
  const recipe = hubertPretrainingRecipe(size, { iteration: labelsFrom === 'mfcc' ? 1 : 2 })
  const { config, maxSteps, optimizer, clipNorm, schedule: _, ...rest } = recipe
  const { normalize, minSamples, cropSamples, batchSamples, ...weights } = rest
  // The labels say how many classes there are.
  const { extra: _e, numClasses: _n, ...fields } = config
  return {
    size,
    labelsFrom,
    ...trainingSettings(
      maxSteps,
      size === 'tiny' ? { checkpointEvery: 200 } : { logEvery: 200, checkpointEvery: 5000 },
    ),
    labels: [],
    validLabels: [],
    config: fields,
    optimizer,
    schedule: { name: 'polynomial', warmup: 0.08, power: 1, end: 0 },
    clipNorm: clipNorm ?? null,
    ...weights,
    data: {
      normalize,
      minSamples,
      cropSamples,
      labelTolerance: 0.1,
      batchSamples,
      buckets: size === 'tiny' ? 2 : 8,
      multipleOf: 8,
    },
  }
}

/** How fine-tuning's learning rate goes. */
const finetuningSchedule: ScheduleSettings = { name: 'triStage', ...ctcSchedule, phases: [...ctcSchedule.phases] }

/** Samples of a whole batch: 200, 80 and 40 seconds for each of 8 GPUs. */
const finetuningBatch: Readonly<Record<HubertSize, number>> = {
  tiny: 640_000,
  base: 8 * 3_200_000,
  large: 8 * 1_280_000,
  xlarge: 8 * 640_000,
}

export const finetuningSchema = ctcFinetuningSchema(Object.keys(sizes), configRules)

/** The settings of section IV-D for an amount of labelled speech: see `hubertCtcRecipe`. */
export const finetuningDefaults = (size: string, labelled: LabelledSpeech): CtcFinetuningSettings =>
  ctcFinetuningDefaults(
    size,
    labelled,
    hubertCtcRecipe(labelled),
    finetuningSchedule,
    finetuningBatch[size as HubertSize],
  )
