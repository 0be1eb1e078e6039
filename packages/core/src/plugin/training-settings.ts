import { z } from 'zod'
import {
  type AdamWOptions,
  constantSchedule,
  cosineSchedule,
  polynomialDecaySchedule,
  type Schedule,
  triStageSchedule,
} from '../train/index'

const count = z.int().min(1)
const share = z.number().min(0).max(1)

/** Keys that the recipe of every run has; a plugin's schema is `z.strictObject({ ...trainingSettingsShape, … })`. */
export const trainingSettingsShape = {
  maxSteps: count.describe('Updates in all'),
  seed: z.int().min(0).describe('All randomness follows from it'),
  precision: z.enum(['float32', 'bf16']).describe('Of matrix products and convolutions'),
  accumulate: count.describe('Parts that an update is computed in; the batch stays the same'),
  devices: count.describe('Devices that share each part'),
  logEvery: count.describe('Updates between log records'),
  checkpointEvery: count.describe('Updates between checkpoints'),
  keepLast: count.describe('Checkpoints kept, the newest'),
  evaluateEvery: count.nullable().describe('Updates between evaluations; null: at the end only'),
  keepBest: z.string().nullable().describe('Metric of the evaluation by which the best model is kept; null: none'),
  weightAverage: share
    .nullable()
    .describe('Share of the average of the weights that an update keeps; null: no average'),
}

/** Settings that every run has. */
export type TrainingSettings = {
  [Key in keyof typeof trainingSettingsShape]: z.infer<(typeof trainingSettingsShape)[Key]>
}

/** Those of a run of which nothing else is known. */
export const trainingSettings = (maxSteps: number, overrides: Partial<TrainingSettings> = {}): TrainingSettings => ({
  maxSteps,
  seed: 1,
  precision: 'float32',
  accumulate: 1,
  devices: 1,
  logEvery: 10,
  checkpointEvery: 1000,
  keepLast: 3,
  evaluateEvery: null,
  keepBest: null,
  weightAverage: null,
  ...overrides,
})

/** AdamW in a recipe. */
export const optimizerSchema = z.strictObject({
  learningRate: z.number().positive().describe('The highest; the schedule multiplies it'),
  betas: z.tuple([share, share]),
  eps: z.number().positive(),
  weightDecay: z.number().min(0),
})
export type OptimizerSettings = z.infer<typeof optimizerSchema> & AdamWOptions

/** Learning-rate schedules in a recipe; lengths are shares of `maxSteps`. */
export const scheduleSchema = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.literal('polynomial'),
    warmup: share.describe('Share of the updates with a rising rate'),
    power: z.number().positive().default(1),
    end: z.number().min(0).default(0).describe('Factor on the rate at the end'),
  }),
  z.strictObject({ name: z.literal('cosine'), warmup: share, end: z.number().min(0).default(0) }),
  z.strictObject({
    name: z.literal('triStage'),
    phases: z
      .tuple([share, share, share])
      .refine((phases) => Math.abs(phases[0] + phases[1] + phases[2] - 1) < 1e-6, 'the shares must add up to 1')
      .describe('Shares of the updates: rising, constant, falling rate'),
    start: z.number().min(0).default(0.01),
    end: z.number().positive().default(0.05),
  }),
  z.strictObject({ name: z.literal('constant'), warmup: share.default(0) }),
])
export type ScheduleSettings = z.infer<typeof scheduleSchema>

/** The schedule that a recipe describes. */
export const makeSchedule = (settings: ScheduleSettings, totalSteps: number): Schedule => {
  const warmupSteps = (warmup: number) => (warmup === 0 ? 0 : Math.max(1, Math.round(warmup * totalSteps)))
  switch (settings.name) {
    case 'polynomial': {
      const { warmup, power, end } = settings
      return polynomialDecaySchedule({ warmupSteps: warmupSteps(warmup), totalSteps, power, end })
    }
    case 'cosine':
      return cosineSchedule({ warmupSteps: warmupSteps(settings.warmup), totalSteps, end: settings.end })
    case 'triStage':
      return triStageSchedule({ totalSteps, phases: settings.phases, start: settings.start, end: settings.end })
    case 'constant':
      return constantSchedule({ warmupSteps: warmupSteps(settings.warmup) })
  }
}
