import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CheckpointError,
  ConfigError,
  type FairseqCheckpoint,
  type HostTensor,
  Initializer,
  modelTensors,
  openFairseqCheckpoint,
  parseConvLayers,
  readSafetensors,
} from '@babble/core'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readWav2Vec2Config, wav2vec2Base } from './config'
import { fairseqParameterName, fairseqProcessor, fairseqTensors } from './fairseq'
import { readFairseqConfig } from './fairseq-config'
import { Wav2Vec2ForCTC } from './heads/ctc'
import { Wav2Vec2ForPreTraining } from './heads/pretraining'
import { Wav2Vec2Model } from './model'
import { Fixture } from './testing/fixture'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
const pretrained = fixture('fairseq/pretrained.pt')
const fineTuned = fixture('fairseq/fine-tuned.pt')

const bytesOf = async (model: Wav2Vec2Model | Wav2Vec2ForCTC | Wav2Vec2ForPreTraining) => {
  const tensors = new Map<string, HostTensor>()
  for (const [name, { read }] of modelTensors(model)) tensors.set(name, await read())
  return tensors
}
const sorted = (tensors: ReadonlyMap<string, HostTensor>) => [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))

describe.each(enginesUnderTest())('a fairseq checkpoint on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  it('pre-trained: gives the parameters, and the losses of the reference', async () => {
    const model = await Wav2Vec2ForPreTraining.fromFairseq(pretrained)
    expect(model.loadReport).toEqual({ missing: [], ignored: [] })
    const { tensors } = await readSafetensors(join(fixture('wav2vec2-pretrain'), 'model.safetensors'))
    expect(sorted(await bytesOf(model))).toEqual(sorted(tensors))
    const data = await Fixture.open('wav2vec2-pretrain')
    const output = model.forward({
      inputValues: data.input('input_values'),
      attentionMask: data.input('attention_mask'),
      maskTimeIndices: data.input('mask_time_indices'),
      sampledNegativeIndices: data.input('eval_sampled_negative_indices'),
    })
    data.compare('eval.loss', output.loss!)
    data.compare('eval.contrastive_loss', output.contrastiveLoss!)
    data.compare('eval.last_hidden_state', output.lastHiddenState)
    model.dispose()
  })

  it('fine-tuned: gives the parameters, and the logits of the reference', async () => {
    const model = await Wav2Vec2ForCTC.fromFairseq(fineTuned)
    expect(model.loadReport).toEqual({ missing: [], ignored: [] })
    const { tensors } = await readSafetensors(join(fixture('wav2vec2-ctc-large-sum'), 'model.safetensors'))
    expect(sorted(await bytesOf(model))).toEqual(sorted(tensors))
    const data = await Fixture.open('wav2vec2-ctc-large-sum')
    const inputs = {
      inputValues: data.input('input_values'),
      attentionMask: data.input('attention_mask'),
      labels: data.input('labels'),
    }
    const output = model.forward(inputs)
    data.compare('eval.logits', output.logits)
    data.compare('eval.loss', output.loss!)
    model.dispose()
  })
})

describe('classes', () => {
  beforeAll(() => useEngine('cpu'))

  it('take a checkpoint of their sister classes, and say what was left over', async () => {
    const ctc = await Wav2Vec2ForCTC.fromFairseq(pretrained, { config: { vocabSize: 5 } })
    expect(ctc.loadReport.missing).toEqual(['lm_head.weight', 'lm_head.bias'])
    expect([...ctc.loadReport.ignored].sort()).toContain('quantizer.codevectors')
    const encoder = await Wav2Vec2Model.fromFairseq(fineTuned)
    expect([...encoder.loadReport.ignored].sort()).toEqual(['lm_head.bias', 'lm_head.weight'])
    await expect(Wav2Vec2ForPreTraining.fromFairseq(fineTuned)).rejects.toThrow('lacks quantizer.codevectors')
    ctc.dispose()
    encoder.dispose()
  })

  it('name what is no checkpoint of fairseq', async () => {
    const other = join(fixture('wav2vec2-ctc'), 'model.safetensors')
    await expect(Wav2Vec2ForCTC.fromFairseq(other)).rejects.toMatchObject({ fault: 'not-a-torch-file', file: other })
    const torch = fileURLToPath(new URL('../../core/fixtures/torch-files/zip.pt', import.meta.url))
    await expect(Wav2Vec2ForCTC.fromFairseq(torch)).rejects.toThrow('no checkpoint of fairseq')
  })
})

describe('the configuration', () => {
  it.each([
    [pretrained, 'wav2vec2-pretrain', { ctc: false, normalize: false }],
    [fineTuned, 'wav2vec2-ctc-large-sum', { ctc: true, normalize: true }],
  ])('is that of Hugging Face (%s)', async (path, name, rest) => {
    await using checkpoint = await openFairseqCheckpoint(path)
    const { config, ...found } = readFairseqConfig(checkpoint)
    expect(found).toEqual(rest)
    const json = JSON.parse(await readFile(join(fixture(name), 'config.json'), 'utf8')) as Record<string, unknown>
    const {
      extra: _,
      vocabSize,
      ctcLossReduction,
      ctcZeroInfinity,
      diversityLossWeight,
      ...expected
    } = readWav2Vec2Config(json)
    expect(config).toMatchObject(expected)
    // fairseq sums CTC losses; a pre-trained model has no say in the rest.
    expect(config).toMatchObject({ ctcLossReduction: 'sum', diversityLossWeight: 0.1 })
    if (rest.ctc) expect(config).toMatchObject({ vocabSize, ctcLossReduction, ctcZeroInfinity, diversityLossWeight })
  })

  const described = (model: Record<string, unknown>, tensors: string[] = []): FairseqCheckpoint => {
    const names = ['encoder.pos_conv.0.weight_g', ...tensors]
    const settings = { model, task: {}, criterion: {} }
    const entries = new Map(names.map((name) => [name, { dtype: 'F32', shape: [4] } as const]))
    return { path: 'x.pt', settings, tensors: { entries } } as unknown as FairseqCheckpoint
  }

  it("has fairseq's defaults, which are the BASE model's but for its dropouts", () => {
    const { config } = readFairseqConfig(described({}))
    const { numHiddenLayers, hiddenSize, convDim, convKernel, convStride, codevectorDim } = config
    const base = wav2vec2Base()
    expect({ numHiddenLayers, hiddenSize, convDim, convKernel, convStride }).toEqual({
      numHiddenLayers: base.numHiddenLayers,
      hiddenSize: base.hiddenSize,
      convDim: base.convDim,
      convKernel: base.convKernel,
      convStride: base.convStride,
    })
    // Without a final_dim it is as wide as the Transformer.
    expect(codevectorDim).toBe(768)
  })

  it.each([
    ['layer_type', 'conformer'],
    ['activation_fn', 'relu'],
    ['pos_conv_depth', 5],
    ['quantizer_depth', 2],
    ['quantize_input', true],
    ['target_glu', true],
    ['conv_feature_layers', Object.create(null)],
    ['quantizer_depth', 2n],
    ['conv_feature_layers', '__import__("os").system("ls")'],
  ])('refuses %s = %o by name', (field, value) => {
    const error = (() => {
      try {
        return readFairseqConfig(described({ [field]: value }))
      } catch (e) {
        return e
      }
    })()
    expect(error).toBeInstanceOf(ConfigError)
    expect(error).toMatchObject({ field, file: 'x.pt' })
  })

  it('refuses other models', () => {
    expect(() => readFairseqConfig(described({}, ['label_embs_concat']))).toThrow('another model')
    expect(() => readFairseqConfig(described({}, ['decoder.layers.0.fc1.weight']))).toThrow('another model')
    const none = { ...described({}), tensors: { entries: new Map() } } as unknown as FairseqCheckpoint
    expect(() => readFairseqConfig(none)).toThrow('not of wav2vec 2.0')
  })
})

describe('names', () => {
  it('of every parameter of BASE and LARGE have one place in our models', async () => {
    await useEngine('cpu')
    for (const [path, Model] of [
      [pretrained, Wav2Vec2ForPreTraining],
      [fineTuned, Wav2Vec2ForCTC],
    ] as const) {
      await using checkpoint = await openFairseqCheckpoint(path)
      const { config } = readFairseqConfig(checkpoint)
      const model = new Model(config, Initializer.empty())
      const ours = [...model.namedParameters().keys()].map((name) => name.replace(/^wav2vec2\./, ''))
      const mapped = [...checkpoint.tensors.entries.keys()].map((name) =>
        fairseqParameterName(name)
          .replace('weight_g', 'parametrizations.weight.original0')
          .replace('weight_v', 'parametrizations.weight.original1'),
      )
      expect(mapped.sort()).toEqual(ours.sort())
      model.dispose()
    }
  })

  it.each([
    ['w2v_encoder.w2v_model.encoder.layers.3.self_attn.out_proj.bias', 'encoder.layers.3.attention.out_proj.bias'],
    ['encoder.layers.11.self_attn_layer_norm.weight', 'encoder.layers.11.layer_norm.weight'],
    ['feature_extractor.conv_layers.0.2.weight', 'feature_extractor.conv_layers.0.layer_norm.weight'],
    ['feature_extractor.conv_layers.4.2.1.bias', 'feature_extractor.conv_layers.4.layer_norm.bias'],
    ['encoder.layer_norm.weight', 'encoder.layer_norm.weight'],
    ['layer_norm.weight', 'feature_projection.layer_norm.weight'],
    ['quantizer.vars', 'quantizer.codevectors'],
    ['w2v_encoder.proj.weight', 'lm_head.weight'],
  ])('%s is %s', (theirs, ours) => {
    expect(fairseqParameterName(theirs)).toBe(ours)
  })
})

it('a projection that fairseq leaves out, as features and Transformer are of one width, is the identity', async () => {
  const checkpoint = {
    tensors: { path: 'x.pt', entries: new Map([['mask_emb', { dtype: 'F32', shape: [2] }]]) },
  } as unknown as FairseqCheckpoint
  const tensors = fairseqTensors(
    checkpoint,
    wav2vec2Base({ hiddenSize: 2, numAttentionHeads: 1, numConvPosEmbeddingGroups: 1 }),
  )
  expect([...tensors.entries.keys()]).toContain('masked_spec_embed')
  expect((await tensors.read('feature_projection.projection.weight')).data).toEqual(Float32Array.of(1, 0, 0, 1))
  expect((await tensors.read('feature_projection.projection.bias')).data).toEqual(Float32Array.of(0, 0))
})

describe('parseConvLayers', () => {
  it('reads sums of lists with factors', () => {
    const layers = parseConvLayers('[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]')!
    expect(layers.map(({ kernel }) => kernel)).toEqual([10, 3, 3, 3, 3, 2, 2])
    expect(parseConvLayers('[(8, 4, 2), (16, 3, 1)]')).toEqual([
      { channels: 8, kernel: 4, stride: 2 },
      { channels: 16, kernel: 3, stride: 1 },
    ])
  })

  it.each(['', '[]', '[(1,2)]', '[(1,2,3)] * -1', '[(1,2,3)] * 9999999', '[(1,2,3)]; exit()', 'eval("[(1,2,3)]")'])(
    'refuses %s',
    (text) => {
      expect(parseConvLayers(text)).toBeUndefined()
    },
  )
})

describe('a processor', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fairseq-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it("is made of the dictionary that the checkpoint carries, the blank first as in Hugging Face's conversion", async () => {
    const processor = await fairseqProcessor(fineTuned)
    expect(processor.tokenizer.vocabJson()).toMatchObject({ '<pad>': 0, '<s>': 1, '</s>': 2, '<unk>': 3, '|': 4, E: 5 })
    expect(processor.tokenizer.blankId).toBe(0)
    expect(processor.featureExtractor.doNormalize).toBe(true)
    expect(processor.featureExtractor.returnAttentionMask).toBe(true)
  })

  it('or of a dictionary file', async () => {
    const dictionary = join(folder, 'dict.ltr.txt')
    await writeFile(dictionary, '| 94802\nE 51860\r\nT 38431\nA 33152\nO 31495\nN 28855\nI 28794\nH 27187\nS 26071\n')
    const { tokenizer } = await fairseqProcessor(fineTuned, { dictionary })
    expect(tokenizer.vocabJson()).toEqual((await fairseqProcessor(fineTuned)).tokenizer.vocabJson())
  })

  it('is refused without a dictionary, or with one of another model', async () => {
    await expect(fairseqProcessor(pretrained)).rejects.toThrow(CheckpointError)
    const dictionary = join(folder, 'short.txt')
    await writeFile(dictionary, '| 1\n')
    await expect(fairseqProcessor(fineTuned, { dictionary })).rejects.toThrow('5 symbols, the CTC head 13')
  })
})
