export { type CodebookCollapseMonitorOptions, codebookCollapseMonitor } from './collapse-monitor'
export {
  readWav2Vec2Config,
  type Wav2Vec2Config,
  wav2vec2Base,
  wav2vec2Config,
  wav2vec2Large,
  wav2vec2Tiny,
  writeWav2Vec2Config,
} from './config'
export { type CtcBatchesOptions, ctcBatches, type Wav2Vec2CtcHostBatch } from './data/ctc-batches'
export type { BatchingOptions } from './data/plan'
export {
  cutPretrainingBatch,
  type PretrainingBatchesOptions,
  pretrainingBatches,
  type Wav2Vec2PretrainingHostBatch,
} from './data/pretraining-batches'
export { fairseqParameterName, fairseqProcessor } from './fairseq'
export { type FairseqWav2Vec2, readFairseqConfig } from './fairseq-config'
export {
  type ExtractedFeatures,
  type ExtractOptions,
  normalizeWaveform,
  Wav2Vec2FeatureExtractor,
  type Wav2Vec2FeatureExtractorOptions,
} from './feature-extractor'
export { frameCount, receptiveField, samplesPerFrame } from './geometry'
export { type Wav2Vec2CtcInputs, type Wav2Vec2CtcOutput, Wav2Vec2ForCTC } from './heads/ctc'
export { Wav2Vec2CtcObjective } from './heads/ctc-objective'
export {
  Wav2Vec2ForPreTraining,
  type Wav2Vec2PretrainingInputs,
  type Wav2Vec2PretrainingOutput,
} from './heads/pretraining'
export {
  errorRateEvaluator,
  type Transcript,
  type TranscriptAlternative,
  Wav2Vec2Recognizer,
  type Wav2Vec2RecognizerOptions,
} from './heads/recognizer'
export { labelsOf, type TranscriptDecoderOptions, transcriptDecoder } from './heads/transcript-decoder'
export type { FromPretrainedOptions, LoadReport, SavePretrainedOptions } from './interop'
export { type Wav2Vec2ForwardOptions, type Wav2Vec2Inputs, Wav2Vec2Model, type Wav2Vec2ModelOutput } from './model'
export {
  type GumbelTemperatureOptions,
  gumbelTemperature,
  Wav2Vec2PretrainingObjective,
  type Wav2Vec2PretrainingObjectiveOptions,
} from './objective'
export { Wav2Vec2Processor } from './processor'
export {
  type CtcRecipe,
  ctcRecipe,
  freezeTransformerUntil,
  type LabelledSpeech,
  type PretrainingRecipe,
  pretrainingRecipe,
  type TrainingRecipe,
  type Wav2Vec2Size,
} from './recipe'
export { type DecodeOptions, Wav2Vec2CtcTokenizer, type Wav2Vec2CtcTokenizerOptions, type WordSpan } from './tokenizer'
