import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  dumpFeatures,
  dumpLabels,
  FeatureDump,
  type FeatureSource,
  type FinishedStage,
  featureDumpName,
  framesOfSegments,
  kMeans,
  measureClusters,
  openFrameLabels,
  type Stages,
} from '@babble/core'
import type { Part, Strings } from './corpus'

/** Parts whose frames have features and clusters. */
export const clustered = ['train', 'valid', 'test'] as const satisfies readonly Part[]
type Clustered = (typeof clustered)[number]

/** What there is of features. */
export interface FeaturesResult {
  /** Of the training strings. */
  readonly frames: number
  readonly dim: number
  /** Frames a second. */
  readonly frameRate: number
}

/** The stage that writes features of all strings to disk. */
export const featuresStage = (
  stages: Stages,
  strings: Strings,
  stage: {
    readonly name: string
    readonly title: string
    readonly inputs: object
    /** The model's stage, where the features are those of a model. */
    readonly model?: FinishedStage<object>
    readonly open: () => FeatureSource | Promise<FeatureSource>
  },
): Promise<FinishedStage<FeaturesResult>> => {
  const { name, title, inputs, model, open } = stage
  return stages.stage({
    name,
    title,
    inputs,
    reads: [strings.stage, ...(model ? [model] : [])],
    run: async (context) => {
      const { directory, signal } = context
      const source = await open()
      try {
        const results = {} as Record<Clustered, FeaturesResult>
        for (const split of clustered) {
          const manifest = await strings.manifest(split)
          const options = { output: directory, split, ...(signal ? { signal } : {}) }
          const { frames, dim, frameRate } = await dumpFeatures(source, manifest, options, context)
          results[split] = { frames, dim, frameRate }
        }
        return results.train
      } finally {
        source.dispose()
      }
    },
  })
}

/** How well clusters stand for the digits, by frames of one part. */
export type Quality = {
  readonly frames: number
  /** Chance that a frame's digit is the one most common in its cluster. */
  readonly purity: number
  /** Chance that a frame's cluster is the one most common in its digit. */
  readonly clusterPurity: number
  /** The share of the uncertainty about the digit that the cluster takes away. */
  readonly pnmi: number
}

export interface ClustersResult {
  readonly clusters: number
  readonly labelRate: number
  /** Passes of k-means over the training strings. */
  readonly passes: number
  readonly quality: Readonly<Record<Clustered, Quality>>
}

/**
 * The stage that learns clusters from the training strings' features, labels all strings with them, and measures them against the digits: `codebook.safetensors` and
 * a `.km` file for each part.
 */
export const clustersStage = (
  stages: Stages,
  strings: Strings,
  features: FinishedStage<FeaturesResult>,
  { name, title, clusters, seed }: { name: string; title: string; clusters: number; seed: number },
): Promise<FinishedStage<ClustersResult>> =>
  stages.stage({
    name,
    title,
    inputs: { clusters, seed },
    reads: [strings.stage, features],
    run: async ({ directory, signal, progress }) => {
      const labelRate = features.result.frameRate
      const open = (part: Clustered) => FeatureDump.open(features.file(`${featureDumpName(part)}.npy`))
      const abort = signal ? { signal } : {}
      await mkdir(directory, { recursive: true })
      await using train = await open('train')
      const maxIterations = 60
      const { codebook, iterations } = await kMeans(train, {
        clusters,
        seed,
        maxIterations,
        ...abort,
        onIteration: ({ iteration }) => progress('Passes of k-means', iteration, maxIterations),
      })
      progress('Passes of k-means', iterations, iterations)
      await codebook.save(join(directory, 'codebook.safetensors'))
      const quality = {} as Record<Clustered, Quality>
      for (const part of clustered) {
        await using dump = await open(part)
        const file = join(directory, `${part}.km`)
        await dumpLabels(codebook, [dump], file, abort)
        await using labels = await openFrameLabels(file)
        const manifest = await strings.manifest(part)
        const alignments = await strings.alignments(part)
        // The last window of a string begins before its end.
        const measured = await measureClusters(labels, (index) => alignments.segments(manifest.path(index)), {
          labelRate,
        })
        const { frames, purity, clusterPurity, pnmi } = measured
        quality[part] = { frames, purity, clusterPurity, pnmi }
      }
      return { clusters, labelRate, passes: iterations, quality }
    },
  })

/** How many frames of each cluster lie in each digit. */
export const countUnits = async (
  strings: Strings,
  clusters: FinishedStage<ClustersResult>,
  part: Clustered,
): Promise<Map<number, Map<string, number>>> => {
  const { labelRate } = clusters.result
  const counts = new Map<number, Map<string, number>>()
  const [manifest, alignments] = await Promise.all([strings.manifest(part), strings.alignments(part)])
  await using labels = await openFrameLabels(clusters.file(`${part}.km`))
  for (let index = 0; index < labels.utterances; index++) {
    const segments = (await alignments.segments(manifest.path(index))) ?? []
    const digits = framesOfSegments(segments, labels.count(index), labelRate)
    const units = await labels.read(index)
    digits.forEach((digit, frame) => {
      if (digit === null) return
      const own = counts.get(units[frame]!) ?? new Map<string, number>()
      counts.set(units[frame]!, own)
      own.set(digit, (own.get(digit) ?? 0) + 1)
    })
  }
  return counts
}
