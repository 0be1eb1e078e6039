export { type Alignments, type OpenAlignmentsOptions, openAlignments, readAlignment } from './alignments/alignments'
export { parseTextGrid, type TextGrid, type TextGridTier } from './alignments/text-grid'
export { type CheckFrameLabelsOptions, checkFrameLabels, type LabelCheck } from './check-frame-labels'
export { Codebook } from './codebook'
export { type DumpLabelsOptions, dumpLabels } from './dump-labels'
export { concatenateDumps, FeatureDump } from './feature-dump'
export { type FrameLabels, labelsInMemory, type OpenFrameLabelsOptions, openFrameLabels } from './frame-labels'
export { arrayFrames, type FrameChunk, type FrameSource } from './frame-source'
export { type KMeansOptions, type KMeansProgress, type KMeansResult, kMeans } from './k-means'
export { type MeasureClustersOptions, type MeasuredClusters, measureClusters } from './measure-quality'
export { type MiniBatchKMeansOptions, type MiniBatchProgress, miniBatchKMeans } from './mini-batch-k-means'
export { MiniBatchUpdater, type MiniBatchUpdaterOptions } from './mini-batch-updater'
export type { LabelledChunk, NearestCentroids, PassOptions, PassTotals, Spread } from './nearest-centroids'
export {
  type ClusterQuality,
  ClusterQualityMeter,
  type ClusterQualityOptions,
  framesOfSegments,
  type LabelSegment,
} from './quality'
export { featureDumpName, type WrittenDump, writeFeatureDump } from './write-feature-dump'
