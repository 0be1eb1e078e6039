import { relative } from 'node:path'
import { type EvaluatedUtterance, evaluateRecognition, openDataset, openManifest } from '@babble/core'
import type { Command } from 'commander'
import { exitCodes } from '../exit-codes'
import { addCommonOptions, addEngineOptions, type Session } from '../session'
import type { SessionMaker } from './train'
import { addRecognizerOptions, openRecognizer, type RecognizerOptions, wholeNumber } from './transcribe'

interface EvaluateOptions extends RecognizerOptions {
  readonly data: string
  readonly split?: string
  readonly textFrom?: string
  readonly worst: string
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`

const worstTable = (utterances: readonly EvaluatedUtterance[], cwd: string): string =>
  utterances
    .map(
      ({ path, reference, hypothesis, wordErrors, words }) =>
        `${wordErrors} of ${words}  ${relative(cwd, path)}\n  said   ${reference}\n  heard  ${hypothesis || '(nothing)'}\n`,
    )
    .join('')

const evaluate = async (options: EvaluateOptions, session: Session): Promise<number> => {
  const most = wholeNumber('--worst', options.worst, 0)
  const manifest = await openManifest(session.path(options.data), {
    ...(options.split === undefined ? {} : { split: options.split }),
    ...(options.textFrom === undefined ? {} : { textFrom: options.textFrom }),
  })
  const recognizer = await openRecognizer(options, session)
  try {
    const { sampleRate, minSamples } = recognizer
    const data = await openDataset(manifest, { sampleRate, minSamples, part: 'evaluation' }, session)
    const { signal } = session.io
    try {
      const { words, characters, utterances } = await evaluateRecognition(recognizer, data, {
        onProgress: (done, total) => session.progress('Transcribing', done, total),
        ...(signal ? { signal } : {}),
      })
      const worst = utterances
        .filter(({ wordErrors }) => wordErrors > 0)
        .sort((a, b) => b.wordErrors - a.wordErrors)
        .slice(0, most)
      const counts = ({ substitutions, deletions, insertions }: typeof words) =>
        `${substitutions} substituted, ${deletions} left out, ${insertions} added`
      const text =
        `WER ${percent(words.rate)}  (${words.words} words in ${utterances.length} recordings: ${counts(words)})\n` +
        `CER ${percent(characters.rate)}  (${characters.characters} characters)\n` +
        (worst.length > 0 ? `\nMost wrong words:\n${worstTable(worst, session.io.cwd)}` : '')
      session.result(text, { model: options.model, data: manifest.file, words, characters, utterances })
    } finally {
      await data.close?.()
    }
  } finally {
    recognizer.dispose()
  }
  return exitCodes.ok
}

export const addEvaluateCommand = (program: Command, session: SessionMaker): void => {
  const command = program
    .command('evaluate')
    .description('Word and character error rate of a fine-tuned model on transcribed recordings')
    .requiredOption('--data <path>', 'manifest, or folder of a prepared corpus')
    .option('--split <name>', 'part of the corpus (default: test where there is one, else everything)')
    .option('--text-from <extension>', 'take transcripts from the label file beside the manifest, such as wrd')
    .option('--worst <number>', 'how many of the worst recordings are shown', '10')
    .addHelpText(
      'after',
      `
Examples:
  babble evaluate --model runs/wav2vec2-finetune-tiny --data corpus --split test
  babble evaluate --model model --data corpus --lm 4-gram.arpa --beam 500
  babble evaluate --model model --data test.tsv --json | jq .words.rate
`,
    )
  addRecognizerOptions(command)
  addCommonOptions(addEngineOptions(command)).action((options: EvaluateOptions) =>
    session.run(options, (active) => evaluate(options, active)),
  )
}
