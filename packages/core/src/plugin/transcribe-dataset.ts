import type { SpeechDataset } from '../data/index'
import { type CharacterErrorRate, characterErrorRate, type WordErrorRate, wordErrorRate } from '../decode/index'
import { DataError } from '../errors'

export interface TranscribeDatasetOptions {
  /** Only the first so many recordings. Default: all. */
  readonly most?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * Transcripts of a dataset's recordings, in its order. Batches are made of recordings of similar length, so that little is padded; one
 * batch of waveforms is in memory at a time.
 */
export const transcribeDataset = async <T>(
  recognizer: {
    readonly batchSize: number
    transcribe(waveforms: readonly Float32Array[]): Promise<T[]>
  },
  data: SpeechDataset,
  { most = data.length, signal, onProgress }: TranscribeDatasetOptions = {},
): Promise<T[]> => {
  const order = Array.from({ length: Math.min(most, data.length) }, (_, index) => index)
  order.sort((a, b) => data.samples(a) - data.samples(b))
  const transcripts: T[] = new Array(order.length)
  for (let start = 0; start < order.length; start += recognizer.batchSize) {
    signal?.throwIfAborted()
    const part = order.slice(start, start + recognizer.batchSize)
    const heard = await recognizer.transcribe(await Promise.all(part.map((index) => data.load(index))))
    part.forEach((index, item) => {
      transcripts[index] = heard[item]!
    })
    onProgress?.(start + part.length, order.length)
  }
  return transcripts
}

/** A recording's transcripts and how far they are apart. */
export interface EvaluatedUtterance {
  readonly path: string
  readonly reference: string
  readonly hypothesis: string
  readonly wordErrors: number
  readonly words: number
}

export interface RecognitionEvaluation {
  readonly words: WordErrorRate
  readonly characters: CharacterErrorRate
  readonly utterances: readonly EvaluatedUtterance[]
}

/** @throws DataError for the first recording without a transcript. */
export const referencesOf = (data: SpeechDataset): string[] =>
  Array.from({ length: data.length }, (_, index) => {
    const { path, text } = data.clip(index)
    if (text !== undefined) return text
    throw new DataError(`${path} has no transcript to compare with.`, {
      file: data.name,
      field: 'text',
      cure: 'Add a column "text", or name a label file beside the manifest: --text-from wrd.',
    })
  })

/** Word and character error rate of a recogniser on a dataset whose clips have transcripts. */
export const evaluateRecognition = async (
  recognizer: Parameters<typeof transcribeDataset<{ readonly text: string }>>[0],
  data: SpeechDataset,
  options: Omit<TranscribeDatasetOptions, 'most'> = {},
): Promise<RecognitionEvaluation> => {
  const references = referencesOf(data)
  const hypotheses = (await transcribeDataset(recognizer, data, options)).map(({ text }) => text)
  return {
    words: wordErrorRate(references, hypotheses),
    characters: characterErrorRate(references, hypotheses),
    utterances: references.map((reference, index) => {
      const hypothesis = hypotheses[index]!
      const { substitutions, deletions, insertions, words } = wordErrorRate([reference], [hypothesis])
      const wordErrors = substitutions + deletions + insertions
      return { path: data.clip(index).path, reference, hypothesis, wordErrors, words }
    }),
  }
}
