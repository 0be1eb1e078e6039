import { DataError } from '../errors'
import type { FrameLabels } from './frame-labels'
import { type ClusterQuality, ClusterQualityMeter, framesOfSegments, type LabelSegment } from './quality'

export interface MeasureClustersOptions {
  /** Clusters a second. */
  readonly labelRate: number
  /** What is measured of a segment's label: another name, or null where it does not count. Default: empty labels do not count. */
  readonly unit?: (label: string) => string | null
  /** How much longer than its clusters an alignment may be, in seconds. Default 0.1. */
  readonly tolerance?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

/** {@link ClusterQuality} of the utterances that have a reference. */
export interface MeasuredClusters extends ClusterQuality {
  /** Utterances that were measured, and those without a reference. */
  readonly utterances: number
  readonly withoutReference: number
  /** Share of the measured utterances' frames that have a unit: around a half, where it should be all, the label rate is wrong. */
  readonly coverage: number
}

/**
 * Measures the clusters of utterances against segments in time (phones, words: HuBERT, section 4.3) or against one unit for a whole
 * utterance, such as the word that is said in it. A frame has the unit of the segment in which its middle lies.
 *
 * @param reference Of an utterance: its segments, its one unit, or undefined where there is none
 * @throws DataError when a reference lasts longer than the utterance's clusters, or no utterance has one.
 */
export const measureClusters = async (
  clusters: FrameLabels,
  reference: (
    utterance: number,
  ) => Promise<readonly LabelSegment[] | string | undefined> | readonly LabelSegment[] | string | undefined,
  options: MeasureClustersOptions,
): Promise<MeasuredClusters> => {
  const { labelRate, unit = (label) => (label === '' ? null : label), tolerance = 0.1, signal, onProgress } = options
  const meter = new ClusterQualityMeter({ referenceRate: labelRate, clusterRate: labelRate })
  let [utterances, all] = [0, 0]
  for (let utterance = 0; utterance < clusters.utterances; utterance++) {
    signal?.throwIfAborted()
    const found = await reference(utterance)
    if (found !== undefined) {
      const frames = clusters.count(utterance)
      const seconds = frames / labelRate
      const end = typeof found === 'string' ? 0 : found.reduce((latest, segment) => Math.max(latest, segment.end), 0)
      if (end > seconds + tolerance + 1e-9) {
        throw new DataError(
          `the reference ends at ${end.toFixed(2)} s, but ${frames} clusters are ${seconds.toFixed(2)} s at ${labelRate} a second.`,
          {
            file: `${clusters.path}:${utterance + 1}`,
            field: 'labelRate',
            cure: 'Check the label rate, and that both are of the same recordings in the same order.',
          },
        )
      }
      const labels =
        typeof found === 'string' ? new Array<string>(frames).fill(found) : framesOfSegments(found, frames, labelRate)
      const units = labels.map((label) => (label === null ? null : unit(label)))
      meter.add(units, await clusters.read(utterance))
      utterances++
      all += frames
    }
    onProgress?.(utterance + 1, clusters.utterances)
  }
  if (utterances === 0) {
    throw new DataError('no utterance has a reference.', {
      file: clusters.path,
      cure: 'Check that the reference is for these recordings.',
    })
  }
  const quality = meter.result()
  return {
    ...quality,
    utterances,
    withoutReference: clusters.utterances - utterances,
    coverage: quality.frames / all,
  }
}
