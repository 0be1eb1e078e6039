import type { SpeechEncoderConfig } from '../../speech/index'
import type { ParameterGroup, Schedule } from '../../train/index'
import type { OptimizerSettings } from '../training-settings'

/** What a `Trainer` is given for a run, beside model, objective and data. */
export interface TrainingRecipe {
  readonly maxSteps: number
  readonly optimizer: OptimizerSettings
  readonly schedule: Schedule
  readonly clipNorm?: number
}

/** Amounts of labelled speech with settings in the papers. */
export const labelledAmounts = ['10min', '1h', '10h', '100h', '960h'] as const
export type LabelledSpeech = (typeof labelledAmounts)[number]

/** Fine-tuning with CTC. */
export interface CtcRecipe<Config extends SpeechEncoderConfig = SpeechEncoderConfig> extends TrainingRecipe {
  /** Fields to be set on the pre-trained model's configuration. */
  readonly config: Partial<Config>
  /** Updates in which only the CTC head learns. */
  readonly freezeTransformerUpdates: number
}

/**
 * A parameter group for a `Trainer` that keeps all but the CTC head as it is for the first `updates` updates, as the papers do
 * while the head is still random.
 *
 * @param prefix Of the encoder's parameters: `hubert.`.
 */
export const freezeEncoderUntil = (prefix: string, updates: number): ParameterGroup => ({
  match: (name) => name.startsWith(prefix),
  scale: (step) => (step <= updates ? 0 : 1),
})
