export { configSchema } from './config-schema'
export { type CtcFinetuningOptions, ctcFinetuning } from './ctc-finetuning'
export {
  type CtcFinetuningSettings,
  ctcFinetuningDefaults,
  ctcFinetuningSchema,
  sharedSchema,
} from './ctc-finetuning-settings'
export {
  type CtcRecipe,
  freezeEncoderUntil,
  type LabelledSpeech,
  labelledAmounts,
  type TrainingRecipe,
} from './ctc-recipe'
export { loadCtcRecognizer } from './ctc-recognizer'
export { extractorFile, extractorText, readExtractor } from './extractor'
export { LayerFeatures, loadLayerFeatures } from './layer-features'
export { recordingCards } from './recording-cards'
