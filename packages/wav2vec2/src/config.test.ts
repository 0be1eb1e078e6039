import { readFileSync } from 'node:fs'
import { ConfigError, frameCount, receptiveField, samplesPerFrame } from '@babble/core'
import { describe, expect, it } from 'vitest'
import { readWav2Vec2Config, wav2vec2Base, wav2vec2Large, wav2vec2Tiny, writeWav2Vec2Config } from './config'

const fixture = JSON.parse(readFileSync(new URL('../fixtures/wav2vec2-pretrain/config.json', import.meta.url), 'utf8'))

const thrown = (make: () => unknown): ConfigError => {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return error as ConfigError
  }
  throw new Error('nothing was thrown')
}

describe('Wav2Vec2Config', () => {
  it('reads a config.json and writes every key of it back', () => {
    const written = writeWav2Vec2Config(readWav2Vec2Config(fixture), 'Wav2Vec2ForPreTraining')
    expect(written).toEqual(fixture)
  })

  it('takes the defaults of Hugging Face for keys that an older config.json lacks', () => {
    const config = readWav2Vec2Config({
      model_type: 'wav2vec2',
      hidden_size: 24,
      num_attention_heads: 2,
      num_conv_pos_embedding_groups: 2,
    })
    expect(config).toMatchObject({
      hiddenSize: 24,
      layerdrop: 0.1,
      featQuantizerDropout: 0,
      maskTimeProb: 0.05,
      numNegatives: 100,
    })
  })

  it('has the 20 ms frames of 25 ms of the paper in all sizes', () => {
    for (const config of [wav2vec2Base(), wav2vec2Large(), wav2vec2Tiny()]) {
      expect(samplesPerFrame(config)).toBe(320)
      expect(receptiveField(config)).toBe(400)
      expect(frameCount(config, 399)).toBe(0)
      expect(frameCount(config, 400)).toBe(1)
      expect(frameCount(config, 16000)).toBe(49)
    }
  })

  it('keeps groupNormPadding in config.json only where it is not the reference', () => {
    expect(writeWav2Vec2Config(wav2vec2Base())).not.toHaveProperty('group_norm_padding')
    const written = writeWav2Vec2Config(wav2vec2Base({ groupNormPadding: 'masked' }))
    expect(readWav2Vec2Config(written).groupNormPadding).toBe('masked')
  })

  it.each([
    ['hidden_size', -1, /at least 1/],
    ['hidden_size', 770, /not a multiple of numAttentionHeads/],
    ['codevector_dim', 255, /numCodevectorGroups/],
    ['layerdrop', 1, /below 1/],
    ['feat_extract_norm', 'batch', /"group", "layer"/],
    ['hidden_act', 'relu', /"gelu"/],
    ['conv_stride', [5, 2], /one entry for every convolution/],
    ['conv_kernel', [10, 3.5], /list of whole numbers/],
    ['pad_token_id', 32, /blank/],
    ['add_adapter', true, /without adapter layers/],
    ['adapter_attn_dim', 16, /without adapter layers/],
    ['model_type', 'hubert', /package of that model/],
  ])('refuses %s = %j, naming the field and the cure', (key, value, cure) => {
    const error = thrown(() => readWav2Vec2Config({ model_type: 'wav2vec2', [key]: value }, 'dir/config.json'))
    expect(error.message).toMatch(cure)
    expect(error.file).toBe('dir/config.json')
    expect(error.field).toBeTruthy()
  })

  it('refuses a field that does not exist', () => {
    const misspelt = { hiddenSizes: 3 } as Parameters<typeof wav2vec2Base>[0]
    expect(thrown(() => wav2vec2Base(misspelt)).field).toBe('hiddenSizes')
  })
})
