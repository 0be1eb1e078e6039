export { type AttentionInputs, MultiHeadAttention, type MultiHeadAttentionOptions } from './attention'
export { Conv1d, type Conv1dModuleOptions } from './conv1d'
export { dropout } from './dropout'
export { FeedForward, type FeedForwardOptions } from './feed-forward'
export {
  GumbelVectorQuantizer,
  type GumbelVectorQuantizerOptions,
  type QuantizerInputs,
  type QuantizerOutput,
} from './gumbel-quantizer'
export { Initializer } from './initializer'
export { Linear, type LinearOptions } from './linear'
export { type ForwardContext, inference, type LoadStateOptions, Module } from './module'
export { GroupNorm, LayerNorm } from './norm'
export { PositionalConvEmbedding, type PositionalConvOptions } from './positional-conv'
export {
  TransformerEncoder,
  TransformerEncoderLayer,
  type TransformerEncoderOptions,
  type TransformerEncoderOutput,
  type TransformerLayerOptions,
} from './transformer-encoder'
export { convOutputLength, receptiveField, WaveformEncoder, type WaveformEncoderOptions } from './waveform-encoder'
