export {
  addNoise,
  concatenate,
  type NoiseOptions,
  perturbGain,
  perturbSpeed,
  randomCrop,
  randomShift,
} from './augment'
export { BatchCursor, type BatchPosition, type PlacedBatch } from './batch-cursor'
export { type BatchSource, floatArray, type HostArray, type HostBatch, intArray, toTensors } from './batch-source'
export { type BatchPlan, type BucketedBatchesOptions, bucketedBatches, lengthBuckets } from './buckets'
export { type DistractorOptions, sampleDistractors } from './distractors'
export { type Clip, readManifest } from './manifest'
export { type PaddedRows, padFloats, padIntegers, padTo } from './padding'
export { type LoadRecordingsOptions, loadRecordings, type Recording, type SkippedClip } from './recordings'
export {
  type BatchSpanMaskOptions,
  countMasked,
  equaliseMaskCounts,
  type SpanMaskOptions,
  type SpanMaskVariant,
  sampleBatchSpanMask,
  sampleSpanMask,
} from './span-mask'
