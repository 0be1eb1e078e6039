// Names of Hugging Face Transformers for what all models on this encoder share; core has it under names of its own.
export {
  type Classification,
  type ClassificationBatchesOptions,
  type ClassificationHostBatch,
  type CtcBatchesOptions,
  type CtcHostBatch as Wav2Vec2CtcHostBatch,
  type CtcModelInputs as Wav2Vec2CtcInputs,
  type CtcModelOutput as Wav2Vec2CtcOutput,
  CtcObjective as Wav2Vec2CtcObjective,
  type CtcRecipe,
  CtcRecognizer as Wav2Vec2Recognizer,
  type CtcRecognizerOptions as Wav2Vec2RecognizerOptions,
  CtcTokenizer as Wav2Vec2CtcTokenizer,
  type CtcTokenizerOptions as Wav2Vec2CtcTokenizerOptions,
  classIds,
  classificationBatches,
  ctcBatches,
  errorRateEvaluator,
  frameCount,
  type LabelledSpeech,
  normalizeWaveform,
  numberedLabels,
  receptiveField,
  type SequenceClassificationInputs,
  SequenceClassificationObjective,
  type SequenceClassificationOutput,
  SequenceClassifier,
  type SequenceClassifierOptions,
  type SpeechEncoderOutput as Wav2Vec2ModelOutput,
  SpeechFeatureExtractor as Wav2Vec2FeatureExtractor,
  type SpeechFeatureExtractorOptions as Wav2Vec2FeatureExtractorOptions,
  type SpeechForwardOptions as Wav2Vec2ForwardOptions,
  type SpeechInputs as Wav2Vec2Inputs,
  SpeechProcessor as Wav2Vec2Processor,
  samplesPerFrame,
  type TrainingRecipe,
  type Transcript,
  type TranscriptAlternative,
} from '@babble/core'
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
export {
  cutPretrainingBatch,
  type PretrainingBatchesOptions,
  pretrainingBatches,
  type Wav2Vec2PretrainingHostBatch,
  type Wav2Vec2PretrainingSource,
} from './data/pretraining-batches'
export { fairseqParameterName, fairseqProcessor } from './fairseq'
export { type FairseqWav2Vec2, readFairseqConfig } from './fairseq-config'
export { Wav2Vec2ForCTC } from './heads/ctc'
export {
  Wav2Vec2ForPreTraining,
  type Wav2Vec2PretrainingInputs,
  type Wav2Vec2PretrainingOutput,
} from './heads/pretraining'
export { Wav2Vec2ForSequenceClassification } from './heads/sequence-classification'
export type { FromPretrainedOptions } from './interop'
export { Wav2Vec2Model } from './model'
export {
  type GumbelTemperatureOptions,
  gumbelTemperature,
  Wav2Vec2PretrainingObjective,
  type Wav2Vec2PretrainingObjectiveOptions,
} from './objective'
export {
  ctcRecipe,
  freezeTransformerUntil,
  type PretrainingRecipe,
  pretrainingRecipe,
  type Wav2Vec2Size,
} from './recipe'
