export {
  addNoise,
  concatenate,
  type NoiseOptions,
  perturbGain,
  perturbSpeed,
  randomCrop,
  randomShift,
} from './augment'
export {
  BatchCursor,
  type BatchCursorOptions,
  type BatchCursorStats,
  type BatchPosition,
  type PlacedBatch,
} from './batch-cursor'
export { type BatchPlan, BatchPlanner, type BatchPlannerOptions } from './batch-planner'
export { type BatchSource, floatArray, type HostArray, type HostBatch, intArray, toTensors } from './batch-source'
export { type BatchThreadOptions, batchesInThread, serveBatches } from './batch-thread'
export { lengthBuckets, type PaddingLimit } from './buckets'
export type { Clip } from './clip'
export {
  type LoadOptions,
  loadRows,
  type ManifestDatasetOptions,
  manifestDataset,
  type RowRequest,
  recordingsDataset,
  type SpeechDataset,
  selectClips,
  toDataset,
} from './dataset'
export type { DecodeTask } from './decode-clip'
export { DecodePool, type DecodePoolOptions } from './decode-pool'
export { type DistractorOptions, sampleDistractors } from './distractors'
export { fromLetters, type Labels, readLabels, toLetters } from './labels'
export { Manifest, type SkippedLines } from './manifest'
export { normalizeWaveform, refuseNonFinite } from './normalize'
export { type PaddedRows, padFloats, padIntegers, padTo } from './padding'
export {
  type CorpusLayout,
  type CorpusSummary,
  detectLayout,
  type PrepareCorpusOptions,
  prepareCorpus,
  type SplitSummary,
} from './prepare/index'
export { labelFile, type ManifestFormat, type ReadManifestOptions, readManifest } from './read-manifest'
export { type LoadRecordingsOptions, loadRecordings, type Recording, type SkippedClip } from './recordings'
export { type IndexShardsOptions, indexShards, type ShardIndex } from './shards/index-shards'
export { type WriteShardsOptions, writeShards } from './shards/write-shards'
export {
  type BatchSpanMaskOptions,
  countMasked,
  equaliseMaskCounts,
  type SpanMaskOptions,
  type SpanMaskVariant,
  sampleBatchSpanMask,
  sampleSpanMask,
} from './span-mask'
export { type WriteManifestOptions, writeManifest } from './write-manifest'
