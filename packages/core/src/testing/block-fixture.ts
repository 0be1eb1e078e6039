import { fileURLToPath } from 'node:url'
import { ParityFixture } from './parity-fixture'

/** What tests of single blocks need of a model's fixture: packages/core/fixtures/blocks. */
export const blockFixture = (name: string): ParityFixture =>
  new ParityFixture(fileURLToPath(new URL(`../../fixtures/blocks/${name}`, import.meta.url)))

/** PyTorch's numbers for blocks that no model's fixture covers: packages/core/fixtures/torch-blocks. */
export const torchFixture = (name: string): ParityFixture =>
  new ParityFixture(fileURLToPath(new URL(`../../fixtures/torch-blocks/${name}`, import.meta.url)))

/** fairseq's names of Transformer layers as the blocks have them (which are Hugging Face's). */
export const fromFairseq =
  (part: 'encoder' | 'decoder') =>
  (name: string): string => {
    const common = name
      .replace(/\bfc1\b/, 'feed_forward.intermediate_dense')
      .replace(/\bfc2\b/, 'feed_forward.output_dense')
    if (part === 'decoder') return common
    return common.replace(/\bself_attn_layer_norm\b/, 'layer_norm').replace(/\bself_attn\b/, 'attention')
  }
