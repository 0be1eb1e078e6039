import { type BatchSource, compile } from '@babble/core'
import type { Wav2Vec2ForPreTraining } from '@babble/wav2vec2'
import * as tf from '@tensorflow/tfjs-core'

/** How often each entry of each codebook is chosen. */
export interface CodebookUse {
  /** `[groups][entries]` */
  readonly counts: readonly (readonly number[])[]
  /** exp(entropy) of each codebook's use: 1 when a single entry is used, the number of entries when all are used evenly. */
  readonly perplexities: readonly number[]
}

/** exp(entropy) of a histogram. */
export const perplexity = (counts: readonly number[]): number => {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const entropy = counts.reduce(
    (sum, count) => (count === 0 ? sum : sum - (count / total) * Math.log(count / total)),
    0,
  )
  return total === 0 ? 0 : Math.exp(entropy)
}

/** Counts the entries that the quantiser chooses, without noise, on some batches. */
export const measureCodebookUse = async (
  model: Wav2Vec2ForPreTraining,
  data: BatchSource,
  batches = 20,
): Promise<CodebookUse> => {
  const { numCodevectorGroups: groups, numCodevectorsPerGroup: entries } = model.config
  const counts = Array.from({ length: groups }, () => new Array<number>(entries).fill(0))
  const choose = compile((inputValues: tf.Tensor) => model.forward({ inputValues }).quantized.codeIndices, {
    name: 'codebook use',
  })
  for (let index = 0; index < batches; index++) {
    const { inputValues } = await data.batch(1_000_000, index)
    const input = tf.tensor(inputValues!.data, [...inputValues!.shape], 'float32')
    const chosen = choose(input)
    const codes = await chosen.data()
    tf.dispose([input, chosen])
    codes.forEach((code, at) => {
      counts[at % groups]![code]!++
    })
  }
  choose.dispose()
  return { counts, perplexities: counts.map(perplexity) }
}
