export {
  type AttentionInputs,
  type AttentionOutput,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
} from './attention'
export { afterPositionBias, causalBias, paddingBias } from './attention-bias'
export { BatchNorm, type BatchNormOptions } from './batch-norm'
export { ClusterPrediction, type ClusterPredictionOptions } from './cluster-prediction'
export { Conv1d, type Conv1dModuleOptions } from './conv1d'
export { Conv2d, type Conv2dModuleOptions } from './conv2d'
export { Conv3d, type Conv3dModuleOptions } from './conv3d'
export { dropout } from './dropout'
export { annealedDecay, EmaTeacher, type EmaTeacherOptions } from './ema-teacher'
export { Embedding, type EmbeddingOptions } from './embedding'
export { FeedForward, type FeedForwardOptions } from './feed-forward'
export { GatedRelativeAttention, type GatedRelativeAttentionOptions } from './gated-relative-attention'
export {
  GumbelVectorQuantizer,
  type GumbelVectorQuantizerOptions,
  type QuantizerInputs,
  type QuantizerOutput,
} from './gumbel-quantizer'
export { Initializer } from './initializer'
export type { AttentionCache, DecoderCache, DecoderMemory } from './key-value-cache'
export { Linear, type LinearOptions } from './linear'
export { type ForwardContext, inference, type LoadStateOptions, Module } from './module'
export { moduleSummary, type SummaryOptions } from './module-summary'
export { GroupNorm, LayerNorm } from './norm'
export { PositionalConvEmbedding, type PositionalConvOptions } from './positional-conv'
export { PositionalConvStack } from './positional-conv-stack'
export { PReLU } from './prelu'
export {
  RelativePositionBias,
  type RelativePositionBuckets,
  RelativePositionKeys,
} from './relative-positions'
export { BasicBlock, type ResNetActivation, type ResNetOptions, ResNetTrunk } from './resnet'
export { ScaledPositionalEncoding, SinusoidalPositionalEmbedding } from './sinusoidal-positions'
export {
  TransformerDecoder,
  type TransformerDecoderInputs,
  type TransformerDecoderOptions,
  type TransformerDecoderOutput,
  type TransformerDecoderStepOutput,
} from './transformer-decoder'
export {
  TransformerEncoder,
  type TransformerEncoderOptions,
  type TransformerEncoderOutput,
} from './transformer-encoder'
export {
  type RelativePositions,
  TransformerEncoderLayer,
  type TransformerEncoderLayerOutput,
  type TransformerLayerOptions,
} from './transformer-encoder-layer'
export { VideoEncoder, type VideoEncoderOutput } from './video-encoder'
export { convOutputLength, convReceptiveField, WaveformEncoder, type WaveformEncoderOptions } from './waveform-encoder'
