import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CtcModel,
  CtcObjective,
  CtcRecognizer,
  characterErrorRate,
  ctcBatches,
  errorRateEvaluator,
  type FinishedStage,
  Initializer,
  type Recording,
  receptiveField,
  type Stages,
  samplesPerFrame,
  Trainer,
  triStageSchedule,
  wordErrorRate,
  writeFileAtomic,
} from '@babble/core'
import { digitProcessor, type Transcript } from '@babble/example-common'
import { HubertForCTC, hubertPretrainingRecipe } from '@babble/hubert'
import { Wav2Vec2ForCTC } from '@babble/wav2vec2'
import type { heldOut, Strings } from './corpus'
import { checkpointEvery, type PretrainingResult, type TrainingOptions } from './pretrain'

/** Error rates of a fine-tuned model, as shares; it lies in `model`, the log in `run`, what it heard in `transcripts.json`. */
export interface FinetuningResult {
  readonly updates: number
  readonly validWordErrorRate: number
  readonly validCharacterErrorRate: number
  readonly testWordErrorRate: number
  readonly testCharacterErrorRate: number
}

type HeldOut = (typeof heldOut)[number]

/** A transcript as it is kept. */
interface WrittenTranscript {
  readonly path: string
  readonly hypothesis: string
  readonly words: Transcript['words']
}

const transcriptsFile = 'transcripts.json'

/** Where a fine-tuning starts from. */
export type Start =
  | { readonly kind: 'hubert' | 'wav2vec2'; readonly model: FinishedStage<PretrainingResult> }
  | { readonly kind: 'random' }

const openModel = async (start: Start, vocabulary: object, { settings, seed }: TrainingOptions): Promise<CtcModel> => {
  const config = { ...settings.finetuning.config, ...vocabulary }
  if (start.kind === 'hubert') return HubertForCTC.fromPretrained(start.model.file('model'), { config, seed })
  if (start.kind === 'wav2vec2') return Wav2Vec2ForCTC.fromPretrained(start.model.file('model'), { config, seed })
  const { encoder, sampleRate } = settings
  const recipe = hubertPretrainingRecipe('tiny', { config: { ...encoder, samplingRate: sampleRate, ...config } })
  return new HubertForCTC(recipe.config, new Initializer(seed))
}

const transcribe = async (
  model: CtcModel,
  recognizer: CtcRecognizer,
  recordings: readonly Recording[],
  sampleRate: number,
) => {
  const found = await recognizer.transcribe(recordings.map(({ waveform }) => waveform))
  const [hop, window] = [samplesPerFrame(model.config), receptiveField(model.config)]
  return found.map(
    ({ text, words }, index): WrittenTranscript => ({
      path: recordings[index]!.path,
      hypothesis: text,
      words: words.map(({ word, startFrame, endFrame }) => ({
        word,
        seconds: (((startFrame + endFrame - 1) / 2) * hop + window / 2) / sampleRate,
      })),
    }),
  )
}

/** Fine-tuning with CTC on the strings that have transcripts, whole words being the units; then the held-out strings are transcribed. */
export const finetuneStage = (
  stages: Stages,
  strings: Strings,
  start: Start,
  options: TrainingOptions,
): Promise<FinishedStage<FinetuningResult>> => {
  const { settings, seed, onProgress } = options
  const { sampleRate, finetuning, encoder } = settings
  const { steps, batchSize, evaluateEvery, optimizer, clipNorm } = finetuning
  return stages.stage({
    name: `finetune-${start.kind}`,
    title: `Fine-tuning, from ${startNames[start.kind]}: ${steps} updates`,
    inputs: { seed, finetuning, encoder },
    reads: [strings.stage, ...(start.kind === 'random' ? [] : [start.model])],
    resumable: true,
    run: async ({ directory, signal }) => {
      const processor = digitProcessor(sampleRate)
      const { vocabSize, blankId } = processor.tokenizer
      const model = await openModel(start, { vocabSize, padTokenId: blankId }, options)
      const [labelled, valid, test] = await Promise.all(
        (['labelled', 'valid', 'test'] as const).map((part) => strings.recordings(part)),
      )
      const data = ctcBatches(labelled!, processor, { config: model.config, batchSize, seed })
      const recognizer = new CtcRecognizer(model, processor, { batchSize: 16, padToMultipleOf: sampleRate })
      const trainer = new Trainer({
        model,
        objective: new CtcObjective(model),
        data,
        maxSteps: steps,
        optimizer,
        schedule: triStageSchedule({ totalSteps: steps }),
        clipNorm,
        seed,
        runDirectory: join(directory, 'run'),
        checkpointEvery,
        keepLast: 1,
        evaluateEvery,
        evaluate: errorRateEvaluator(recognizer, valid!),
        onProgress,
        ...(signal ? { signal } : {}),
      })
      try {
        await trainer.run()
        signal?.throwIfAborted()
        await model.savePretrained(join(directory, 'model'), { processor })
        const transcripts = {
          valid: await transcribe(model, recognizer, valid!, sampleRate),
          test: await transcribe(model, recognizer, test!, sampleRate),
        }
        await writeFileAtomic(join(directory, transcriptsFile), `${JSON.stringify(transcripts)}\n`)
        const rates = (part: HeldOut, recordings: readonly Recording[]) => {
          const references = recordings.map(({ text }) => text!)
          const hypotheses = transcripts[part].map(({ hypothesis }) => hypothesis)
          return [wordErrorRate(references, hypotheses).rate, characterErrorRate(references, hypotheses).rate] as const
        }
        const [validWordErrorRate, validCharacterErrorRate] = rates('valid', valid!)
        const [testWordErrorRate, testCharacterErrorRate] = rates('test', test!)
        return {
          updates: steps,
          validWordErrorRate,
          validCharacterErrorRate,
          testWordErrorRate,
          testCharacterErrorRate,
        }
      } finally {
        trainer.dispose()
        recognizer.dispose()
        model.dispose()
      }
    },
  })
}

/** What a fine-tuning starts from, for people. */
export const startNames: Readonly<Record<Start['kind'], string>> = {
  hubert: 'HuBERT, second iteration',
  wav2vec2: 'wav2vec 2.0',
  random: 'random weights',
}

/** What a fine-tuned model heard in a part. */
export const readTranscripts = async (
  stage: FinishedStage<FinetuningResult>,
  part: HeldOut,
  recordings: readonly Recording[],
): Promise<Transcript[]> => {
  const written = JSON.parse(await readFile(stage.file(transcriptsFile), 'utf8')) as Record<
    HeldOut,
    WrittenTranscript[]
  >
  return written[part].map(({ hypothesis, words }, index) => ({
    recording: recordings[index] as Transcript['recording'],
    hypothesis,
    words,
  }))
}
