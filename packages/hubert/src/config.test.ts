import { readFileSync } from 'node:fs'
import { ConfigError, frameCount, Initializer, receptiveField, samplesPerFrame } from '@babble/core'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import { describe, expect, it } from 'vitest'
import { hubertBase, hubertLarge, hubertTiny, hubertXLarge, readHubertConfig, writeHubertConfig } from './config'
import { HubertForPreTraining } from './heads/pretraining'
import { HubertModel } from './model'

const fixture = JSON.parse(readFileSync(new URL('../fixtures/hubert-ctc/config.json', import.meta.url), 'utf8'))

describe('HubertConfig', () => {
  it('reads a config.json and writes every key of it back, and none that Hugging Face does not know', () => {
    const { featProjLayerNorm, numClasses } = readHubertConfig(fixture)
    expect({ featProjLayerNorm, numClasses }).toEqual({ featProjLayerNorm: true, numClasses: [] })
    expect(writeHubertConfig(readHubertConfig(fixture), 'HubertForCTC')).toEqual(fixture)
  })

  it('keeps what pre-training needs', () => {
    const config = hubertTiny({ numClasses: [100, 500], labelRate: 100, framePadding: 'chunks', untieFinalProj: true })
    const json = JSON.parse(JSON.stringify(writeHubertConfig(config, 'HubertForPreTraining')))
    expect(json).toMatchObject({ num_classes: [100, 500], label_rate: 100, frame_padding: 'chunks', final_dim: 64 })
    expect({ ...readHubertConfig(json), extra: {} }).toEqual(config)
  })

  it.each([
    ['model_type', 'wav2vec2', /package of that model/],
    ['conv_pos_batch_norm', true, /batch norm are not built/],
    ['num_classes', [0], /whole numbers of at least 1/],
    ['feat_proj_layer_norm', 'yes', /one of true, false/],
    ['num_attention_heads', 7, /multiple/],
  ])('refuses %s = %j', (key, value, message) => {
    const read = () => readHubertConfig({ model_type: 'hubert', [key]: value }, 'dir/config.json')
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(message)
    expect(read).toThrow(/dir\/config.json/)
  })

  it("has the paper's sizes", () => {
    const shape = ({ numHiddenLayers, hiddenSize, intermediateSize, numAttentionHeads, finalDim }: typeof fixture) => [
      numHiddenLayers,
      hiddenSize,
      intermediateSize,
      numAttentionHeads,
      finalDim,
    ]
    // Table I: layers, embedding, inner, heads, and the projection's width.
    expect(shape(hubertBase())).toEqual([12, 768, 3072, 12, 256])
    expect(shape(hubertLarge())).toEqual([24, 1024, 4096, 16, 768])
    expect(shape(hubertXLarge())).toEqual([48, 1280, 5120, 16, 1024])
    expect([samplesPerFrame(hubertBase()), receptiveField(hubertBase()), frameCount(hubertBase(), 16_000)]).toEqual([
      320, 400, 49,
    ])
  })

  it('makes models without clusters, but pre-trains none', async () => {
    await useEngine(enginesUnderTest()[0]!)
    const model = new HubertModel(hubertTiny({ featProjLayerNorm: false }), Initializer.empty())
    expect([...model.namedParameters().keys()].some((name) => name.includes('feature_projection.layer_norm'))).toBe(
      false,
    )
    model.dispose()
    expect(() => new HubertForPreTraining(hubertTiny())).toThrow(/numClasses is empty/)
  })
})
