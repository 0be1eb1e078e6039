import {
  ConfigError,
  type LabelSegment,
  type Listener,
  type Manifest,
  type MiniBatchKMeansOptions,
  type ProgressListener,
  type RecipeLayer,
} from '@babble/core'
import type { HubertSize } from '../recipe'

/** What clusters are compared with. */
export interface ReferenceUnits {
  /** What tells it from another: plain data. */
  readonly inputs: object
  /** Of a training recording: its segments, the one unit of it all, or undefined where there is none. */
  units(
    recording: number,
  ): Promise<readonly LabelSegment[] | string | undefined> | readonly LabelSegment[] | string | undefined
}

/** How the clusters are found. */
export type ClusteringOptions = Pick<
  MiniBatchKMeansOptions,
  'seed' | 'epochs' | 'batchFrames' | 'initRuns' | 'initFrames' | 'maxNoImprovement' | 'reassignmentRatio'
>

export interface HubertIterationsOptions {
  /** Folder of the stages; what is there already is not done again. */
  readonly directory: string
  /** Recordings that features, clusters and models are made of. */
  readonly train: Manifest
  /** Held-out recordings: they get labels, on which the models are evaluated. */
  readonly valid?: Manifest
  /** Models that are trained. Default 2. */
  readonly iterations?: number
  /** Size of the models. Default: the recipe's, else `base`. */
  readonly size?: HubertSize
  /** Clusters of the labels of each iteration; the last number holds for those that follow. Default `[100, 500]`, the paper's. */
  readonly clusters?: readonly number[]
  /**
   * Layers whose features are clustered for iteration 2, 3, …; the last number holds for those that follow. Default: the middle one, then the
   * one at three quarters: 6 and 9 of BASE, the paper's.
   */
  readonly layers?: readonly number[]
  /** Share of the training recordings whose features are dumped for k-means, for each iteration. Default `[1]`; the paper has 0.1 for a layer. */
  readonly samples?: readonly number[]
  /** Updates of each iteration; the last number holds for those that follow. Default: the recipe's. */
  readonly steps?: readonly number[]
  /**
   * Whether the last model's features are clustered too, as for one more iteration: its units, and how good they are. Default true.
   */
  readonly lastClusters?: boolean
  readonly clustering?: ClusteringOptions
  /** What differs from the paper's settings for pre-training, in all iterations. */
  readonly recipe?: readonly RecipeLayer[]
  /** Of the training recordings, for the clusters' quality. Default: it is not measured. */
  readonly reference?: ReferenceUnits
  /** Recordings at a time, for features of a layer. Default 8. */
  readonly batchSize?: number
  /** A stage to do again, with all that read what it made. */
  readonly from?: string
  /** Put all stages aside and begin anew. */
  readonly fresh?: boolean
  /** Default: nobody is told. */
  readonly listener?: Listener
  readonly onProgress?: ProgressListener
  readonly signal?: AbortSignal
  /** What computes, for the runs' records. */
  readonly engine?: string
}

/** The segments of an alignment as a reference. */
export const alignedReference = (
  alignments: { segments(path: string): Promise<readonly LabelSegment[] | undefined> },
  manifest: Manifest,
  inputs: object,
): ReferenceUnits => ({ inputs, units: (recording) => alignments.segments(manifest.path(recording)) })

/**
 * A column of the manifest as a reference: one unit for all of a recording, such as the word that is said in it.
 *
 * @throws ConfigError when the manifest has no such column.
 */
export const columnReference = (manifest: Manifest, column: string): ReferenceUnits => {
  if (!manifest.columns.includes(column)) {
    throw new ConfigError(`the manifest has no column "${column}".`, {
      file: manifest.file,
      field: 'reference',
      cure: `It has ${manifest.columns.join(', ')}.`,
    })
  }
  return {
    inputs: { column },
    units: (recording) => {
      if (column === 'samples') return String(manifest.samples(recording))
      return column === 'path' ? manifest.path(recording) : manifest.field(recording, column) || undefined
    },
  }
}

/** What a list of numbers says of an iteration, from 1. */
export const ofIteration = <T>(values: readonly T[], iteration: number): T | undefined =>
  values[Math.min(iteration, values.length) - 1]
