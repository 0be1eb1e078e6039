import { checkFrameLabels, type FrameLabels } from '../../cluster/index'
import { type HostArray, intArray, type SpeechDataset, selectClips } from '../../data/index'
import { ConfigError } from '../../errors'

export interface SelectLabelledOptions {
  /** Labels a second. */
  readonly labelRate: number
  /** Classes of each label set. */
  readonly classes: readonly number[]
  /** Shorter recordings are left out. */
  readonly minSamples: number
  /** Longer recordings are left out. Default: none. */
  readonly maxSamples?: number
  /** Seconds by which labels and recording may differ. Default 0.1, as in fairseq. */
  readonly tolerance?: number
}

/** Recordings that have labels. */
export interface LabelledRecordings {
  readonly dataset: SpeechDataset
  /** The line of each recording in the files of labels. */
  readonly utterances: Uint32Array
  /** Recordings left out for their length. */
  readonly unfit: number
  /** Recordings left out because their labels last for another time (fairseq warns, and trains on what there is of them). */
  readonly mislabelled: number
  /** The first few of these, described. */
  readonly descriptions: readonly string[]
}

/**
 * The recordings of a dataset that can be trained on with these labels.
 *
 * @param dataset All recordings that the labels were made from, in their order.
 * @param labels One for each label set.
 * @throws DataError when the labels as a whole are wrong (see `checkFrameLabels`) or no recording is left; ConfigError for another number of sets than
 * `classes` has.
 */
export const selectLabelled = async (
  dataset: SpeechDataset,
  labels: readonly FrameLabels[],
  { labelRate, classes, minSamples, maxSamples = Number.POSITIVE_INFINITY, tolerance }: SelectLabelledOptions,
): Promise<LabelledRecordings> => {
  if (labels.length === 0 || labels.length !== classes.length) {
    throw new ConfigError(
      `labels of ${labels.length} set${labels.length === 1 ? '' : 's'} for a model that predicts ${classes.length}.`,
      {
        field: 'numClasses',
        cure: 'Give the number of clusters of each set of labels.',
      },
    )
  }
  const bad = new Set<number>()
  const descriptions: string[] = []
  for (const [set, own] of labels.entries()) {
    const check = await checkFrameLabels(own, {
      utterances: dataset.length,
      seconds: (index) => dataset.samples(index) / dataset.sampleRate,
      labelRate,
      classes: classes[set]!,
      ...(tolerance === undefined ? {} : { tolerance }),
    })
    for (const utterance of check.outside) bad.add(utterance)
    descriptions.push(...check.first)
  }
  const fits = (index: number) => dataset.samples(index) >= minSamples && dataset.samples(index) <= maxSamples
  const utterances = new Uint32Array(dataset.length)
  let kept = 0
  let unfit = 0
  for (let index = 0; index < dataset.length; index++) {
    if (!fits(index)) unfit++
    else if (!bad.has(index)) utterances[kept++] = index
  }
  if (kept === 0) {
    throw new ConfigError(
      `none of ${dataset.length} recordings can be used: ${unfit} for their length, the others for their labels.`,
      {
        field: 'minSamples',
        cure: `Recordings must have ${minSamples} samples${Number.isFinite(maxSamples) ? ` to ${maxSamples}` : ''}.`,
      },
    )
  }
  return {
    dataset: kept === dataset.length ? dataset : selectClips(dataset, (index) => fits(index) && !bad.has(index)),
    utterances: utterances.slice(0, kept),
    unfit,
    mislabelled: dataset.length - kept - unfit,
    descriptions,
  }
}

/** A part of a recording whose labels are wanted. */
export interface LabelledCrop {
  /** Line in the files of labels. */
  readonly utterance: number
  /** First sample. */
  readonly start: number
  /** Samples. */
  readonly length: number
}

/**
 * The labels of parts of recordings, int32 `[rows, labels, sets]`; -1 where there is none. A part begins with the label that is nearest to its
 * first sample, as in fairseq.
 *
 * @param count Labels of a row.
 * @param labelsPerSample Labels a second over samples a second.
 */
export const cropTargets = async (
  labels: readonly FrameLabels[],
  crops: readonly LabelledCrop[],
  count: number,
  labelsPerSample: number,
): Promise<HostArray> => {
  const sets = labels.length
  const targets = new Int32Array(crops.length * count * sets).fill(-1)
  await Promise.all(
    crops.flatMap(({ utterance, start, length }, row) =>
      labels.map(async (own, set) => {
        const first = Math.round(start * labelsPerSample)
        const wanted = Math.min(count, Math.round(length * labelsPerSample), own.count(utterance) - first)
        if (wanted <= 0) return
        const values = await own.read(utterance, first, wanted)
        for (let at = 0; at < wanted; at++) targets[(row * count + at) * sets + set] = values[at]!
      }),
    ),
  )
  return intArray(targets, [crops.length, count, sets])
}
