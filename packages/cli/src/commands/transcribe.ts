import {
  AudioError,
  type DecodingOptions,
  openModel,
  PluginError,
  readAudio,
  type SpeechRecognizer,
  type SpeechTranscript,
} from '@babble/core'
import type { Command } from 'commander'
import { exitCodes, UsageError } from '../exit-codes'
import { addCommonOptions, addEngineOptions, type CommonOptions, type EngineOptions, type Session } from '../session'
import type { SessionMaker } from './train'

export interface RecognizerOptions extends CommonOptions, EngineOptions {
  readonly model: string
  readonly batch?: string
  readonly beam?: string
  readonly lm?: string
  readonly lmUnit?: 'word' | 'token'
  readonly lmWeight?: string
  readonly wordBonus?: string
  readonly lexicon?: string
  readonly hotWords?: string
  readonly hotWordWeight?: string
  readonly alternatives?: string
}

/** Options of what transcribes. */
export const addRecognizerOptions = (command: Command): Command =>
  command
    .requiredOption('--model <folder>', 'fine-tuned model, or run')
    .option('--batch <number>', 'recordings at a time')
    .option('--beam <width>', 'beam search with so many prefixes (default: the best unit of each frame)')
    .option('--lm <file>', 'n-gram language model in ARPA format; brings a beam of 100, as do the options below')
    .addOption(command.createOption('--lm-unit <unit>', 'what the language model counts').choices(['word', 'token']))
    .option('--lm-weight <number>', 'weight of its log probabilities (default: 0.5)')
    .option('--word-bonus <number>', 'bonus of each word, with a language model (default: 1.5)')
    .option(
      '--lexicon <file>',
      'the words that may be said: one a line, with its units where it is not spelled by letters',
    )
    .option('--hot-words <words>', 'words to be preferred, separated by commas')
    .option('--hot-word-weight <number>', 'added to the score for each (default: 10)')

/** A number from the command line. */
const number = (name: string, text: string): number => {
  const value = Number(text)
  if (Number.isFinite(value) && text.trim() !== '') return value
  throw new UsageError(`${name} is "${text}".`, { field: name, cure: 'Give a number.' })
}

/** What the options say of the search; undefined for the best path. */
const decodingOf = (options: RecognizerOptions, session: Session): DecodingOptions | undefined => {
  const { beam, lm, lmUnit, lmWeight, wordBonus, lexicon, hotWords, hotWordWeight, alternatives } = options
  const decoding: DecodingOptions = {
    ...(beam === undefined ? {} : { beamWidth: wholeNumber('--beam', beam) }),
    ...(lm === undefined ? {} : { languageModel: session.path(lm) }),
    ...(lmUnit === undefined ? {} : { languageModelUnit: lmUnit }),
    ...(lmWeight === undefined ? {} : { languageModelWeight: number('--lm-weight', lmWeight) }),
    ...(wordBonus === undefined ? {} : { wordBonus: number('--word-bonus', wordBonus) }),
    ...(lexicon === undefined ? {} : { lexicon: session.path(lexicon) }),
    ...(hotWords === undefined
      ? {}
      : {
          hotWords: hotWords
            .split(',')
            .map((word) => word.trim())
            .filter(Boolean),
        }),
    ...(hotWordWeight === undefined ? {} : { hotWordWeight: number('--hot-word-weight', hotWordWeight) }),
    ...(alternatives === undefined ? {} : { alternatives: wholeNumber('--alternatives', alternatives) }),
  }
  return Object.keys(decoding).length === 0 ? undefined : decoding
}

/** A whole number from the command line. */
export const wholeNumber = (name: string, text: string, least = 1): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least && text.trim() !== '') return value
  throw new UsageError(`${name} is "${text}".`, { field: name, cure: `Give a whole number of at least ${least}.` })
}

/** Opens the model that the options name, with the engine that they choose. */
export const openRecognizer = async (options: RecognizerOptions, session: Session): Promise<SpeechRecognizer> => {
  const decoding = decodingOf(options, session)
  const model = await openModel(session.path(options.model), session.plugins)
  if (!model.plugin.loadRecognizer) {
    throw new PluginError(`${model.plugin.title} does not transcribe.`, {
      file: options.model,
      cure: 'Name another model.',
    })
  }
  await session.startEngine(options)
  return model.plugin.loadRecognizer(model.directory, {
    ...(options.batch === undefined ? {} : { batchSize: wholeNumber('--batch', options.batch) }),
    ...(decoding ? { decoding } : {}),
  })
}

type Result = { readonly file: string } & (SpeechTranscript | { readonly error: string })

const transcribe = async (files: readonly string[], options: RecognizerOptions, session: Session): Promise<number> => {
  const recognizer = await openRecognizer(options, session)
  const results: Result[] = []
  try {
    // As many recordings as are transcribed at a time are in memory.
    for (let start = 0; start < files.length; start += recognizer.batchSize) {
      session.checkInterrupted()
      const part = files.slice(start, start + recognizer.batchSize)
      const read = await Promise.all(part.map((file) => readOne(file, recognizer, session)))
      const waveforms = read.flatMap((item) => ('samples' in item ? [item.samples] : []))
      const heard = waveforms.length > 0 ? await recognizer.transcribe(waveforms) : []
      let next = 0
      for (const item of read) {
        const result = 'samples' in item ? { file: item.file, ...heard[next++]! } : item
        results.push(result)
        if (!options.json && 'text' in result)
          session.io.out(files.length > 1 ? `${result.file}\t${result.text}\n` : `${result.text}\n`)
      }
      session.progress('Transcribing', start + part.length, files.length)
    }
  } finally {
    recognizer.dispose()
  }
  const failed = results.filter((result) => 'error' in result)
  for (const result of failed) if ('error' in result) session.io.err.write(`${result.error}\n`)
  session.result('', { model: options.model, results })
  return failed.length > 0 ? exitCodes.failure : exitCodes.ok
}

const readOne = async (
  file: string,
  recognizer: SpeechRecognizer,
  session: Session,
): Promise<{ file: string; samples: Float32Array } | { file: string; error: string }> => {
  try {
    const { samples } = await readAudio(session.path(file), { sampleRate: recognizer.sampleRate })
    if (samples.length >= recognizer.minSamples) return { file, samples }
    return {
      file,
      error: `${file}: it has ${samples.length} samples, fewer than the ${recognizer.minSamples} of a frame.`,
    }
  } catch (error) {
    if (!(error instanceof AudioError)) throw error
    return { file, error: error.message }
  }
}

export const addTranscribeCommand = (program: Command, session: SessionMaker): void => {
  const command = program
    .command('transcribe')
    .description('Turn recordings into text with a fine-tuned model')
    .argument('<files...>', 'recordings')
    .addHelpText(
      'after',
      `
Examples:
  babble transcribe speech.flac --model runs/wav2vec2-finetune-tiny
  babble transcribe *.wav --model model --json > transcripts.json
  babble transcribe talk.mp3 --model model --lm 4-gram.arpa --lm-weight 0.6 --hot-words "Babble,wav2vec"

With --json each result has its text, its log probability and its words with their seconds. A file that cannot be read is reported, and
the others are transcribed; the exit code is then 1.
`,
    )
  addRecognizerOptions(command).option(
    '--alternatives <number>',
    'how many texts are given with --json, the best first',
  )
  addCommonOptions(addEngineOptions(command)).action((files: string[], options: RecognizerOptions) =>
    session.run(options, (active) => transcribe(files, options, active)),
  )
}
