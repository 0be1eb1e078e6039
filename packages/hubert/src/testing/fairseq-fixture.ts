import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fairseqSpeechEncoderRules, nameMap, parseConvLayers } from '@babble/core'
import { ParityFixture } from '@babble/core/testing'
import { type HubertConfig, hubertConfig } from '../config'
import type { HubertForPreTraining } from '../heads/pretraining'

interface Settings {
  readonly model: Readonly<Record<string, number | string | boolean>>
  readonly criterion: {
    readonly loss_weights: readonly number[]
    readonly pred_masked_weight: number
    readonly pred_nomask_weight: number
  }
  readonly num_classes: readonly number[]
  readonly sample_rate: number
}

const toOurName = nameMap(fairseqSpeechEncoderRules)

/** Our name of a parameter of fairseq's model. */
export const ourName = (name: string): string => {
  if (name === 'label_embs_concat' || name.startsWith('final_proj.')) return name
  return `hubert.${toOurName(name)}`
    .replace('.weight_g', '.parametrizations.weight.original0')
    .replace('.weight_v', '.parametrizations.weight.original1')
}

/** Numbers of fairseq's own HuBERT: see the READMEs in ../../fixtures. */
export class FairseqFixture extends ParityFixture {
  readonly settings: Settings
  readonly config: HubertConfig
  readonly noise: Readonly<Record<string, { readonly abs: number }>>

  constructor(name: string) {
    super(fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url)))
    const json = (file: string): unknown => JSON.parse(readFileSync(join(this.directory, file), 'utf8'))
    this.settings = json('config.json') as Settings
    this.noise = (json('noise.json') as { tensors: FairseqFixture['noise'] }).tensors
    const { model, num_classes: numClasses, sample_rate: samplingRate } = this.settings
    const layers = parseConvLayers(String(model.conv_feature_layers))!
    this.config = hubertConfig({
      hiddenSize: Number(model.encoder_embed_dim),
      numHiddenLayers: Number(model.encoder_layers),
      numAttentionHeads: Number(model.encoder_attention_heads),
      intermediateSize: Number(model.encoder_ffn_embed_dim),
      hiddenDropout: 0,
      attentionDropout: 0,
      activationDropout: 0,
      featProjDropout: 0,
      layerdrop: 0,
      featExtractNorm: model.extractor_mode === 'layer_norm' ? 'layer' : 'group',
      convDim: layers.map(({ channels }) => channels),
      convKernel: layers.map(({ kernel }) => kernel),
      convStride: layers.map(({ stride }) => stride),
      convBias: Boolean(model.conv_bias),
      numConvPosEmbeddings: Number(model.conv_pos),
      numConvPosEmbeddingGroups: Number(model.conv_pos_groups),
      doStableLayerNorm: Boolean(model.layer_norm_first),
      framePadding: 'chunks',
      numClasses,
      finalDim: Number(model.final_dim),
      untieFinalProj: Boolean(model.untie_final_proj),
      logitTemperature: Number(model.logit_temp),
      labelRate: Number(model.label_rate),
      samplingRate,
    })
  }

  /** Puts the fixture's weights into a model. */
  fill(model: HubertForPreTraining): void {
    model.loadStateDict(this.weights('', ourName))
  }

  /** Compares to 1e-4 of the largest magnitude, or five times the reference's own rounding noise. */
  check(name: string, actual: Parameters<ParityFixture['compare']>[1]): void {
    // The gradient of a key bias is zero but for rounding.
    const own = /k_proj\.bias$/.test(name) ? 1e-5 : 5 * (this.noise[name]?.abs ?? 0)
    this.compare(name, actual, { relative: 1e-4, absolute: own })
  }
}
