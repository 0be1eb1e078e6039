export {
  BatchedInference,
  type InferenceInputs,
  type InferenceOptions,
  type UtteranceOutput,
} from './batched-inference'
export { classIds, numberedLabels } from './class-labels'
export type { FieldRule } from './config-rules'
export * as fieldRules from './config-rules'
export { type CtcModel, type CtcModelInputs, type CtcModelOutput, ctcHead, SpeechForCtc } from './ctc-model'
export { CtcObjective } from './ctc-objective'
export {
  CtcRecognizer,
  type CtcRecognizerOptions,
  errorRateEvaluator,
  type Transcript,
  type TranscriptAlternative,
} from './ctc-recognizer'
export { CtcTokenizer, type CtcTokenizerOptions, type DecodeOptions, type WordSpan } from './ctc-tokenizer'
export {
  type ClassificationBatchesOptions,
  type ClassificationHostBatch,
  classificationBatches,
} from './data/classification-batches'
export { type BatchFit, croppingNote, defaultFit, type FittedLengths, fitLengths } from './data/crops'
export { type CtcBatchesOptions, type CtcHostBatch, ctcBatches } from './data/ctc-batches'
export {
  cropTargets,
  type LabelledCrop,
  type LabelledRecordings,
  type SelectLabelledOptions,
  selectLabelled,
} from './data/frame-targets'
export {
  attentionMaskOf,
  type BatchingData,
  type BatchingOptions,
  checkedDataset,
  lengthsOf,
  padRows,
  planBatches,
  rowsOf,
  validSeconds,
} from './data/plan'
export { type FairseqProcessorOptions, fairseqNames, makeFairseqProcessor, withFeatureProjection } from './fairseq'
export {
  type FairseqEncoder,
  type FairseqEncoderOptions,
  type FairseqRequirement,
  readFairseqEncoder,
} from './fairseq-config'
export {
  type ExtractedFeatures,
  type ExtractOptions,
  SpeechFeatureExtractor,
  type SpeechFeatureExtractorOptions,
} from './feature-extractor'
export { FeatureProjection, featureEncoder, frameLengths, frameMask, sampleLengths } from './feature-projection'
export { frameCount, ownFrameCount, receptiveField, samplesPerFrame } from './geometry'
export { featureMask, specAugmentMasks, type TimeMaskOptions, timeMask } from './masking'
export { type ConfigRules, type ModelConfig, type ModelConfigOptions, modelConfig, type Refuse } from './model-config'
export {
  type SequenceClassificationInputs,
  type SequenceClassificationModel,
  type SequenceClassificationOutput,
  SpeechForSequenceClassification,
} from './sequence-classification'
export { SequenceClassificationObjective } from './sequence-classification-objective'
export { type Classification, SequenceClassifier, type SequenceClassifierOptions } from './sequence-classifier'
export {
  SpeechEncoder,
  type SpeechEncoderOutput,
  type SpeechForwardOptions,
  type SpeechInputs,
} from './speech-encoder'
export {
  checkMultiple,
  checkSpeechEncoder,
  type SpeechEncoderConfig,
  speechEncoderDefaults,
  speechEncoderRules,
  speechEncoderUnwritten,
} from './speech-encoder-config'
export { SpeechProcessor } from './speech-processor'
export { labelsOf, type TranscriptDecoderOptions, transcriptDecoder } from './transcript-decoder'
