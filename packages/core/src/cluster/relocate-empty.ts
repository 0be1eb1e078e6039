import type { FrameSource } from './frame-source'
import type { NearestCentroids, PassTotals } from './nearest-centroids'

interface FarFrame {
  readonly frame: number
  readonly label: number
  readonly distance: number
}

/**
 * Gives each cluster without frames the frame that lies farthest from its centroid, and takes that frame from the cluster it was counted
 * in. It costs another pass over the frames, and is rare. Frames that all lie on their centroids are left: then there are fewer different
 * frames than clusters, and the clusters stay empty.
 *
 * @param totals Changed in place
 * @returns how many clusters got a frame.
 */
export const relocateEmpty = async (
  source: FrameSource,
  nearest: NearestCentroids,
  { counts, sums }: PassTotals,
  signal?: AbortSignal,
): Promise<number> => {
  const empty = [...counts.keys()].filter((cluster) => counts[cluster] === 0)
  if (empty.length === 0) return 0
  const farthest = (await farthestFrames(source, nearest, empty.length, signal)).filter(({ distance }) => distance > 0)
  const { dim } = source
  const x = new Float32Array(dim)
  for (const [i, { frame, label }] of farthest.entries()) {
    const cluster = empty[i]!
    await source.gather([[frame, 1]], x)
    for (let j = 0; j < dim; j++) {
      sums[label * dim + j]! -= x[j]!
      sums[cluster * dim + j] = x[j]!
    }
    counts[label]!--
    counts[cluster] = 1
  }
  return farthest.length
}

/** The `count` frames farthest from their centroids, the farthest first; of equal ones the first. */
const farthestFrames = async (
  source: FrameSource,
  nearest: NearestCentroids,
  count: number,
  signal?: AbortSignal,
): Promise<FarFrame[]> => {
  const farthest: FarFrame[] = []
  await nearest.label(
    source,
    ({ start, frames, labels, squaredDistances }) => {
      for (let i = 0; i < frames; i++) {
        const distance = squaredDistances[i]!
        if (farthest.length === count && distance <= farthest[count - 1]!.distance) continue
        let [low, high] = [0, farthest.length]
        while (low < high) {
          const middle = (low + high) >> 1
          if (farthest[middle]!.distance >= distance) low = middle + 1
          else high = middle
        }
        farthest.splice(low, 0, { frame: start + i, label: labels[i]!, distance })
        if (farthest.length > count) farthest.pop()
      }
    },
    signal,
  )
  return farthest
}
