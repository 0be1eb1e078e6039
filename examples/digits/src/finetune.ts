import { batchesInThread, Initializer, type MetricsRecord, Trainer } from '@babble/core'
import { type DigitRecording, digitProcessor, errorRate, type Transcript } from '@babble/example-common'
import { Wav2Vec2CtcObjective, Wav2Vec2ForCTC, wav2vec2Config } from '@babble/wav2vec2'
import type { BatchThreadData } from './batch-thread'
import type { StageOptions } from './pretrain'
import { demoSchedule } from './settings'
import { labelledStrings } from './strings'
import { Transcriber } from './transcribe'
import { Voices } from './voices'

export interface FinetuningOptions extends StageOptions {
  /** Folder of the pre-trained model; without it, training starts from random weights. */
  readonly pretrained?: string
  /** Folder that the fine-tuned model is saved in. Default: it is not. */
  readonly saveTo?: string
  /** Takes of seen speakers, held out. */
  readonly valid: readonly DigitRecording[]
  /** A speaker that training does not hear; looked at once, when training is over. */
  readonly test: readonly DigitRecording[]
}

export interface FinetuningOutcome {
  readonly history: readonly MetricsRecord[]
  readonly valid: readonly Transcript[]
  readonly test: readonly Transcript[]
}

/**
 * Fine-tunes with CTC on labelled recordings, then transcribes those held out and those of the unseen speaker.
 *
 * @returns undefined when interrupted.
 */
export const finetune = async (
  recordings: readonly DigitRecording[],
  options: FinetuningOptions,
): Promise<FinetuningOutcome | undefined> => {
  const { settings, seed, directory, pretrained, saveTo, valid, test, onProgress, signal } = options
  const { finetuning, sampleRate } = settings
  const { steps, batchSize, seconds, optimizer, clipNorm, augmentation, mostDigits, evaluateEvery } = finetuning
  const processor = digitProcessor(sampleRate)
  const changes = {
    ...finetuning.config,
    vocabSize: processor.tokenizer.vocabSize,
    padTokenId: processor.tokenizer.blankId,
  }
  const config = wav2vec2Config({ ...settings.config, ...changes })
  const model =
    pretrained === undefined
      ? new Wav2Vec2ForCTC(config, new Initializer(seed))
      : await Wav2Vec2ForCTC.fromPretrained(pretrained, { config: changes, seed })
  const longest = [...valid, ...test].reduce((most, { waveform }) => Math.max(most, waveform.length), 0)
  const transcriber = new Transcriber({
    model,
    processor,
    batchSize: settings.evaluationBatch,
    // Whole quarters of a second, so that other recordings make the same program.
    samples: Math.ceil((4 * longest) / sampleRate) * (sampleRate / 4),
  })
  const samples = Math.round(seconds * sampleRate)
  const labelled = { augmentation, config, batchSize, samples, mostDigits, seed }
  const data = batchesInThread(
    labelledStrings({ ...labelled, voices: new Voices(recordings, sampleRate), processor }),
    new URL('./batch-thread.js', import.meta.url),
    { recordings, sampleRate, labelled } satisfies BatchThreadData,
  )
  const trainer = new Trainer({
    model,
    objective: new Wav2Vec2CtcObjective(model),
    data,
    maxSteps: steps,
    optimizer,
    schedule: demoSchedule(steps),
    clipNorm,
    seed,
    runDirectory: directory,
    checkpointEvery: 200,
    keepLast: 1,
    evaluateEvery,
    evaluate: async () => ({ wordErrorRate: errorRate(await transcriber.transcribe(valid)).rate }),
    ...(onProgress ? { onProgress } : {}),
    ...(signal ? { signal } : {}),
  })
  try {
    const { status, history } = await trainer.run()
    if (status === 'interrupted') return undefined
    if (saveTo !== undefined) await model.savePretrained(saveTo, { processor })
    return { history, valid: await transcriber.transcribe(valid), test: await transcriber.transcribe(test) }
  } finally {
    await data.close?.()
    trainer.dispose()
    transcriber.dispose()
    model.dispose()
  }
}
