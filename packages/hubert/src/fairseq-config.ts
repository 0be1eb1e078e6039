import { type FairseqCheckpoint, readFairseqEncoder } from '@babble/core'
import { type HubertConfig, readHubertConfig } from './config'

/** What a fairseq checkpoint of HuBERT says of itself. */
export interface FairseqHubert {
  readonly config: HubertConfig
  /** Whether it was fine-tuned with CTC. */
  readonly ctc: boolean
  /** Whether waveforms are normalised to mean 0 and variance 1. */
  readonly normalize: boolean
}

/**
 * The configuration of a fairseq checkpoint, pre-trained (`hubert`) or fine-tuned with CTC (`hubert_ctc`).
 *
 * The classes of a label set are the symbols of its dictionary, fairseq's four special ones among them: 504 for 500 clusters. `numClasses` is empty where the checkpoint does not
 * say how its label embeddings are shared among several sets.
 *
 * @throws ConfigError for other models and for settings that are not built, naming them.
 */
export const readHubertFairseqConfig = (checkpoint: FairseqCheckpoint): FairseqHubert => {
  const { model, task, finalDim, ctc, normalize, json, refuse } = readFairseqEncoder(checkpoint, {
    model: 'HuBERT',
    isOther: (names, { _name, arch }) => {
      const name = _name ?? arch
      return (
        (typeof name === 'string' && !/^hubert($|_)/.test(name)) ||
        names.some((tensor) => /(^|\.)(quantizer|feature_extractor_(audio|video))\./.test(tensor))
      )
    },
  })
  const labelRate = Number(model.label_rate)
  if (!ctc && !(labelRate > 0)) {
    refuse('label_rate', 'the checkpoint does not say its labels a second.', 'Use a checkpoint as fairseq saved it.')
  }
  const config = readHubertConfig(
    {
      ...json,
      model_type: 'hubert',
      num_classes: classCounts(checkpoint, Array.isArray(task.labels) ? task.labels.length : 1),
      final_dim: finalDim,
      untie_final_proj: model.untie_final_proj === true,
      logit_temperature: model.logit_temp,
      ...(labelRate > 0 ? { label_rate: labelRate } : {}),
      sampling_rate: task.sample_rate ?? 16_000,
      // In pre-training and in fine-tuning alike.
      frame_padding: 'chunks',
    },
    checkpoint.path,
  )
  return { config, ctc, normalize }
}

/** Classes of each label set. */
const classCounts = ({ tensors, dictionaries }: FairseqCheckpoint, sets: number): number[] => {
  const rows = tensors.entries.get('label_embs_concat')?.shape[0]
  if (rows === undefined) return []
  const sizes = dictionaries?.map(({ length }) => length) ?? []
  if (sizes.reduce((sum, size) => sum + size, 0) === rows) return sizes
  return sets === 1 ? [rows] : []
}
