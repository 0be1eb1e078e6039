import type { KMeansRecord } from './records'

const gibibytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(2)

const names = {
  iteration: "one iteration of Lloyd's",
  fit: 'fit, one iteration, with inertia',
  minibatch: 'one pass in mini-batches',
} as const

/** A head and a line for each task of a run. */
export const kmeansRows = (record: KMeansRecord): string[][] => {
  const work = 2 * record.frames * record.dim * record.clusters
  return [
    ['task', 'Babble, s', 'scikit-learn, s', 'ratio', 'rounds', 'fastest, s', 'distances, GFLOP/s', 'peak memory, GiB'],
    ...record.results.map(({ task, ours, sklearn, ratio, agrees }) => {
      const fastest = Math.min(...ours.seconds)
      // Fitting goes through the frames a second time, for the inertia of the result.
      const rate = (work * (task === 'fit' ? 2 : 1)) / fastest / 1e9
      return [
        names[task] + (agrees ? '' : ' ≠'),
        ours.medianSeconds.toFixed(2),
        sklearn.medianSeconds.toFixed(2),
        ratio.median.toFixed(2),
        `${ratio.lowest.toFixed(2)}–${ratio.highest.toFixed(2)}`,
        `${fastest.toFixed(2)} / ${Math.min(...sklearn.seconds).toFixed(2)}`,
        rate.toFixed(0),
        `${gibibytes(ours.peakRssBytes)} / ${gibibytes(sklearn.peakRssBytes)}`,
      ]
    }),
  ]
}
