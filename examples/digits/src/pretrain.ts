import { batchesInThread, Initializer, type MetricsRecord, type ProgressListener, Trainer } from '@babble/core'
import type { DigitRecording } from '@babble/example-common'
import { codebookCollapseMonitor, Wav2Vec2ForPreTraining, Wav2Vec2PretrainingObjective } from '@babble/wav2vec2'
import type { BatchThreadData } from './batch-thread'
import { type CodebookUse, measureCodebookUse } from './codebook'
import { demoSchedule, type Settings } from './settings'
import { pretrainingStrings } from './strings'
import { Voices } from './voices'

export interface StageOptions {
  readonly settings: Settings
  readonly seed: number
  /** Where the stage's log and checkpoints go. */
  readonly directory: string
  readonly onProgress?: ProgressListener
  readonly signal?: AbortSignal
}

export interface PretrainingOutcome {
  readonly history: readonly MetricsRecord[]
  readonly codebooks: CodebookUse
  readonly parameters: number
}

/**
 * Pre-trains on recordings without labels, and saves the model.
 *
 * @param saveTo folder of the model.
 * @returns undefined when interrupted.
 */
export const pretrain = async (
  recordings: readonly DigitRecording[],
  saveTo: string,
  { settings, seed, directory, onProgress, signal }: StageOptions,
): Promise<PretrainingOutcome | undefined> => {
  const { config, pretraining, sampleRate } = settings
  const { steps, batchSize, seconds, optimizer, clipNorm, augmentation, gumbelTemperature, featureGradMult } =
    pretraining
  const model = new Wav2Vec2ForPreTraining(config, new Initializer(seed))
  const objective = new Wav2Vec2PretrainingObjective(model, { gumbelTemperature, featureGradMult })
  const samples = Math.round(seconds * sampleRate)
  const strings = { augmentation, config, batchSize, samples, seed }
  const data = batchesInThread(
    pretrainingStrings({ ...strings, voices: new Voices(recordings, sampleRate) }),
    new URL('./batch-thread.js', import.meta.url),
    { recordings, sampleRate, pretraining: strings } satisfies BatchThreadData,
  )
  const trainer = new Trainer({
    model,
    objective,
    data,
    maxSteps: steps,
    optimizer,
    schedule: demoSchedule(steps),
    clipNorm,
    seed,
    runDirectory: directory,
    checkpointEvery: 200,
    keepLast: 1,
    monitors: [codebookCollapseMonitor(config, { patience: Math.round(steps / 2) })],
    ...(onProgress ? { onProgress } : {}),
    ...(signal ? { signal } : {}),
  })
  try {
    const { status, history } = await trainer.run()
    if (status === 'interrupted') return undefined
    await model.savePretrained(saveTo)
    const codebooks = await measureCodebookUse(model, data)
    return { history, codebooks, parameters: model.parameterCount() }
  } finally {
    await data.close?.()
    trainer.dispose()
    model.dispose()
  }
}
