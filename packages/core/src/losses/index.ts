export { codebookDiversity } from './codebook-diversity'
export { type ContrastiveInputs, type ContrastiveOutput, contrastiveLoss } from './contrastive'
export { type CosineClamp, type CosineLogitsOptions, cosineLogits } from './cosine-logits'
export {
  type CrossEntropyInputs,
  type CrossEntropyOutput,
  crossEntropy,
  type LabelSmoothedInputs,
  labelSmoothedCrossEntropy,
} from './cross-entropy'
export { type CtcInputs, ctc } from './ctc'
export { featurePenalty } from './feature-penalty'
export { type GuidedAttentionInputs, guidedAttention } from './guided-attention'
export { type MaskedPredictionInputs, type MaskedPredictionOutput, maskedPrediction } from './masked-prediction'
export { maskedPredictionMetrics } from './masked-prediction-metrics'
export { type BinaryCrossEntropyOptions, binaryCrossEntropy, l1Loss, smoothL1 } from './regression'
