/** What is timed. `iteration`: one pass of Lloyd's algorithm; `fit`: the same by the public interface; `minibatch`: one pass in batches. */
export const kmeansTasks = ['iteration', 'fit', 'minibatch'] as const
export type KMeansTask = (typeof kmeansTasks)[number]

export interface KMeansRequest {
  readonly task: KMeansTask
}

export interface KMeansAnswer {
  readonly seconds: number
  /** Mean absolute value of the new centroids. */
  readonly checksum: number
  readonly peakRssBytes: number
}

/** What Babble's process is started with, as its one argument. */
export interface KMeansWorkerArguments {
  readonly framesPath: string
  readonly initPath: string
  readonly batchFrames: number
  readonly threads: number
  readonly inMemory: boolean
}
