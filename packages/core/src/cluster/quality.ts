import { DataError } from '../errors'

/** How well clusters stand for the units of a reference, such as phones; all by frames. */
export interface ClusterQuality {
  readonly frames: number
  /** Different units of the reference, and clusters, that occur. */
  readonly units: number
  readonly clusters: number
  /** Chance that a frame's unit is the one most common in its cluster: phone (or word) purity. */
  readonly purity: number
  /** Chance that a frame's cluster is the one most common in its unit. */
  readonly clusterPurity: number
  /** Phone-normalised mutual information: I(unit; cluster) / H(unit), the share of the uncertainty about the unit that the cluster takes away. */
  readonly pnmi: number
  /** I(unit; cluster) in nats. */
  readonly mutualInformation: number
  /** H(unit) and H(cluster) in nats. */
  readonly unitEntropy: number
  readonly clusterEntropy: number
}

export interface ClusterQualityOptions {
  /** Labels a second of the reference, 100 for frames of 10 ms. Only the ratio of the two rates counts. */
  readonly referenceRate: number
  /** Labels a second of the clusters, 50 for HuBERT's. */
  readonly clusterRate: number
  /** Difference of the two lengths that is let pass, in seconds; what one has more is left out. Default 0.1. */
  readonly tolerance?: number
}

/**
 * Measures clusters against a reference, utterance by utterance (HuBERT, section 4.3). Where the rates differ, each label of the slower
 * sequence is held until its successor begins, and frames of the faster one are counted.
 */
export class ClusterQualityMeter {
  readonly #units = new Map<string | number, Map<number, number>>()
  readonly #referenceRate: number
  readonly #clusterRate: number
  readonly #tolerance: number

  /** @throws RangeError for a rate that is not above 0. */
  constructor({ referenceRate, clusterRate, tolerance = 0.1 }: ClusterQualityOptions) {
    if (!(referenceRate > 0 && clusterRate > 0 && tolerance >= 0)) {
      throw new RangeError(
        `rates are above 0 and the tolerance is not below: ${referenceRate}, ${clusterRate}, ${tolerance}.`,
      )
    }
    this.#referenceRate = referenceRate
    this.#clusterRate = clusterRate
    this.#tolerance = tolerance
  }

  /**
   * @param reference Units of one utterance, one a frame; null where there is none
   * @param clusters Classes of its frames
   * @param name Of the utterance, for errors
   * @throws DataError when the two do not last for the same time.
   */
  add(reference: ArrayLike<string | number | null>, clusters: ArrayLike<number>, name?: string): void {
    const [r, c] = [this.#referenceRate, this.#clusterRate]
    const [referenceSeconds, clusterSeconds] = [reference.length / r, clusters.length / c]
    // The last bits of a division must not decide.
    if (Math.abs(referenceSeconds - clusterSeconds) > this.#tolerance + 1e-9) {
      throw new DataError(
        `${reference.length} reference labels last ${referenceSeconds.toFixed(2)} s at ${r} a second, ` +
          `${clusters.length} clusters ${clusterSeconds.toFixed(2)} s at ${c}.`,
        {
          ...(name !== undefined && { file: name }),
          cure: 'Check both rates, and that both are of the same recording.',
        },
      )
    }
    const rate = Math.max(r, c)
    const frames = r >= c ? reference.length : clusters.length
    for (let i = 0; i < frames; i++) {
      // The middle of a frame falls on one label of the slower sequence, also where rounding errs.
      const unit = reference[r === rate ? i : Math.floor(((i + 0.5) * r) / rate)]
      const cluster = clusters[c === rate ? i : Math.floor(((i + 0.5) * c) / rate)]
      if (unit === undefined || cluster === undefined) break
      if (unit === null) continue
      const counts = this.#units.get(unit) ?? new Map<number, number>()
      this.#units.set(unit, counts)
      counts.set(cluster, (counts.get(cluster) ?? 0) + 1)
    }
  }

  /** @throws DataError before anything was counted. */
  result(): ClusterQuality {
    const clusterTotals = new Map<number, number>()
    const clusterPeaks = new Map<number, number>()
    let [frames, unitPeaks, joint, unitSum] = [0, 0, 0, 0]
    for (const counts of this.#units.values()) {
      let [total, peak] = [0, 0]
      for (const [cluster, count] of counts) {
        total += count
        peak = Math.max(peak, count)
        joint += count * Math.log(count)
        clusterTotals.set(cluster, (clusterTotals.get(cluster) ?? 0) + count)
        clusterPeaks.set(cluster, Math.max(clusterPeaks.get(cluster) ?? 0, count))
      }
      frames += total
      unitPeaks += peak
      unitSum += total * Math.log(total)
    }
    if (frames === 0) throw new DataError('no frame has both a unit and a cluster.', { cure: 'Add utterances first.' })
    const clusterSum = [...clusterTotals.values()].reduce((sum, total) => sum + total * Math.log(total), 0)
    const entropy = (sum: number) => Math.max(0, Math.log(frames) - sum / frames)
    const [unitEntropy, clusterEntropy] = [entropy(unitSum), entropy(clusterSum)]
    const mutualInformation = Math.max(0, unitEntropy + clusterEntropy - entropy(joint))
    return {
      frames,
      units: this.#units.size,
      clusters: clusterTotals.size,
      purity: [...clusterPeaks.values()].reduce((a, b) => a + b, 0) / frames,
      clusterPurity: unitPeaks / frames,
      pnmi: unitEntropy > 0 ? mutualInformation / unitEntropy : 1,
      mutualInformation,
      unitEntropy,
      clusterEntropy,
    }
  }
}

/** A stretch of time with one label: a phone or word of an alignment. */
export interface LabelSegment {
  /** Seconds. */
  readonly start: number
  /** Seconds. */
  readonly end: number
  readonly label: string
}

/** Labels of frames `1 / rate` seconds apart: that of the segment in which the middle of the frame lies, or null. */
export const framesOfSegments = (
  segments: readonly LabelSegment[],
  frames: number,
  rate: number,
): (string | null)[] => {
  const labels = new Array<string | null>(frames).fill(null)
  for (const { start, end, label } of segments) {
    // Boundaries often are middles of frames: the one rounding for both ends lets no frame fall between two segments.
    let i = Math.max(0, Math.floor(start * rate - 0.5))
    while (i < frames && (i + 0.5) / rate < start) i++
    for (; i < frames && (i + 0.5) / rate < end; i++) labels[i] = label
  }
  return labels
}
