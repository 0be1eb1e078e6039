import type { NameRule } from './name-map'

/**
 * fairseq's names for the waveform encoder and Transformer that wav2vec 2.0, HuBERT and their relatives share, as Hugging Face (and
 * Babble) has them. The prefix of a model with heads is taken off before. Weight norm's names (`weight_g`, `weight_v`) are known where
 * checkpoints are loaded.
 */
export const fairseqSpeechEncoderRules: readonly NameRule[] = [
  ['feature_extractor.conv_layers.*.0', 'feature_extractor.conv_layers.*.conv'],
  // With a layer norm in every layer it stands between two transpositions, the group norm of the first layer does not.
  ['feature_extractor.conv_layers.*.2.1', 'feature_extractor.conv_layers.*.layer_norm'],
  ['feature_extractor.conv_layers.*.2', 'feature_extractor.conv_layers.*.layer_norm'],
  ['post_extract_proj', 'feature_projection.projection'],
  ['layer_norm', 'feature_projection.layer_norm'],
  ['mask_emb', 'masked_spec_embed'],
  ['encoder.pos_conv.0', 'encoder.pos_conv_embed.conv'],
  ['encoder.layers.*.self_attn', 'encoder.layers.*.attention'],
  ['encoder.layers.*.self_attn_layer_norm', 'encoder.layers.*.layer_norm'],
  ['encoder.layers.*.fc1', 'encoder.layers.*.feed_forward.intermediate_dense'],
  ['encoder.layers.*.fc2', 'encoder.layers.*.feed_forward.output_dense'],
]

/**
 * fairseq's `conv_feature_layers`, such as `[(512, 10, 5)] + [(512, 3, 2)] * 4`: channels, kernel and stride of each convolution. It is
 * Python that fairseq evaluates; here it is read as a sum of lists, each with an optional factor, and as nothing else.
 *
 * @returns undefined for anything else.
 */
export const parseConvLayers = (text: string): { channels: number; kernel: number; stride: number }[] | undefined => {
  const layers: { channels: number; kernel: number; stride: number }[] = []
  const compact = text.replace(/\s/g, '')
  if (compact.length > 10_000) return undefined
  const term = /(\+|^)\[((?:\(\d+,\d+,\d+\),?)+)\](?:\*(\d+))?/y
  while (term.lastIndex < compact.length) {
    const match = term.exec(compact)
    if (!match) return undefined
    const triples = [...match[2]!.matchAll(/\((\d+),(\d+),(\d+)\)/g)].map(([, channels, kernel, stride]) => ({
      channels: Number(channels),
      kernel: Number(kernel),
      stride: Number(stride),
    }))
    const times = Number(match[3] ?? 1)
    if (layers.length + times * triples.length > 100) return undefined
    for (let i = 0; i < times; i++) layers.push(...triples)
  }
  return layers.length > 0 ? layers : undefined
}
