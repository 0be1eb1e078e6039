import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CheckpointError,
  ConfigError,
  type FairseqCheckpoint,
  fromFloat32,
  type HostTensor,
  openFairseqCheckpoint,
  type PretrainedModel,
  readSafetensors,
  toFloat32,
} from '@babble/core'
import { ParityFixture, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HubertConfig, hubertBase, readHubertConfig } from './config'
import { hubertFairseqName, hubertFairseqProcessor, hubertFairseqTensors, rowsOfClasses } from './fairseq'
import { readHubertFairseqConfig } from './fairseq-config'
import { HubertForCTC } from './heads/ctc'
import { HubertForPreTraining } from './heads/pretraining'
import { HubertForSequenceClassification } from './heads/sequence-classification'
import { HubertModel } from './model'
import { FairseqFixture, ourName } from './testing/fairseq-fixture'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
const pretrained = fixture('fairseq/pretrained.pt')
const twoSets = fixture('fairseq/pretrained-two-sets.pt')
const fineTuned = fixture('fairseq/fine-tuned.pt')

/**
 * Our class of each row of fairseq's label embeddings, by set: rows 0 to 3 are special symbols, which come last; the others are the clusters' numbers as the
 * dictionaries of `make.py` have them.
 */
const classesOfRows = {
  'hubert-pretrain': [[7, 8, 9, 10, 3, 0, 6, 1, 5, 2, 4]],
  'hubert-pretrain-large': [
    [5, 6, 7, 8, 0, 1, 2, 3, 4],
    [2, 3, 4, 5, 1, 0],
  ],
}
const files = { 'hubert-pretrain': pretrained, 'hubert-pretrain-large': twoSets }
const names = ['hubert-pretrain', 'hubert-pretrain-large'] as const

const valuesOf = (model: PretrainedModel<HubertConfig>) =>
  new Map([...model.namedParameters()].map(([name, variable]) => [name, Array.from(variable.dataSync())]))

describe('a fairseq checkpoint', () => {
  // Numbers on each engine are parity.test.ts's; on this one nothing is compiled.
  beforeAll(() => useEngine('wasm'))

  it.each(names)('pre-trained: gives the parameters of %s, and the loss of the reference', async (name) => {
    const model = await HubertForPreTraining.fromFairseq(files[name])
    expect(model.loadReport).toEqual({ missing: [], ignored: [] })
    const data = new FairseqFixture(name)
    const { tensors } = await readSafetensors(join(fixture(name), 'model.safetensors'))
    const found = valuesOf(model)
    for (const [theirs, tensor] of tensors) {
      if (theirs === 'label_embs_concat') continue
      expect(found.get(ourName(theirs)), theirs).toEqual(Array.from(toFloat32(tensor)))
    }
    expect(found.size).toBe(tensors.size)

    const places = classesOfRows[name]
    const targets = tf.stack(
      places.map((classes, set) =>
        tf.gather(tf.tensor1d(classes, 'int32'), data.input(`target_list.${set}`) as tf.Tensor2D),
      ),
      2,
    )
    const { criterion } = data.settings
    const output = model.forward(
      {
        inputValues: data.input('source'),
        attentionMask: tf.sub(1, data.input('padding_mask')),
        maskTimeIndices: data.input('mask_indices'),
        targets,
      },
      undefined,
      {
        featurePenaltyWeight: criterion.loss_weights[0]!,
        maskedWeight: criterion.pred_masked_weight,
        unmaskedWeight: criterion.pred_nomask_weight,
      },
    )
    data.check('encoder_out', output.lastHiddenState)
    data.check('loss', output.loss!)
    places.forEach((_, set) => {
      data.check(`loss_m.${set}`, output.prediction!.sets[set]!.masked)
      data.check(`correct_m.${set}`, tf.cast(output.prediction!.sets[set]!.correctMasked, 'int32'))
    })
    model.dispose()
  })

  it.each(names)("pads frames by fairseq's rule: the features of %s are the reference's", async (name) => {
    const model = await HubertModel.fromFairseq(files[name])
    const data = new FairseqFixture(name)
    const inputs = { inputValues: data.input('source'), attentionMask: tf.sub(1, data.input('padding_mask')) }
    data.check('eval.extract_features', model.forward(inputs).lastHiddenState)
    model.dispose()
  })

  it('fine-tuned: gives the parameters, and the logits of the reference', async () => {
    // The reference is Hugging Face's, which counts frames by its own rule.
    const model = await HubertForCTC.fromFairseq(fineTuned, { config: { framePadding: 'convolution' } })
    expect(model.loadReport).toEqual({ missing: [], ignored: ['label_embs_concat'] })
    const { tensors } = await readSafetensors(join(fixture('hubert-ctc'), 'model.safetensors'))
    const expected = [...tensors].map(([name, tensor]) => [name, Array.from(toFloat32(tensor))] as const)
    expect(valuesOf(model)).toEqual(new Map(expected))
    const data = new ParityFixture(fixture('hubert-ctc'))
    const output = model.forward({
      inputValues: data.input('input_values'),
      attentionMask: data.input('attention_mask'),
      labels: data.input('labels'),
    })
    data.compare('eval.logits', output.logits, { relative: 1e-4 })
    model.dispose()
  })
})

describe('classes', () => {
  beforeAll(() => useEngine('cpu'))

  it('take a checkpoint of their sister classes, and say what was left over', async () => {
    const ctc = await HubertForCTC.fromFairseq(pretrained, { config: { vocabSize: 5 } })
    expect(ctc.loadReport.missing).toEqual(['lm_head.weight', 'lm_head.bias'])
    expect([...ctc.loadReport.ignored].sort()).toEqual(['final_proj.bias', 'final_proj.weight', 'label_embs_concat'])
    const encoder = await HubertModel.fromFairseq(fineTuned)
    expect([...encoder.loadReport.ignored].sort()).toEqual(['label_embs_concat', 'lm_head.bias', 'lm_head.weight'])
    const classifier = await HubertForSequenceClassification.fromFairseq(twoSets, {
      config: { id2label: ['a', 'b', 'c'] },
    })
    expect(classifier.classifier.weight.shape).toEqual([3, 256])
    expect([...classifier.loadReport.missing].sort()).toEqual([
      'classifier.bias',
      'classifier.weight',
      'projector.bias',
      'projector.weight',
    ])
    for (const model of [ctc, encoder, classifier]) model.dispose()
  })

  it('make new heads for other labels, as a second iteration has them', async () => {
    const model = await HubertForPreTraining.fromFairseq(pretrained, { newHead: true, config: { numClasses: [3] } })
    expect(model.loadReport.missing).toEqual(['final_proj.weight', 'final_proj.bias', 'label_embs_concat'])
    expect(model.labelEmbsConcat.shape).toEqual([3, 24])
    model.dispose()
  })

  it('name what is no checkpoint of fairseq', async () => {
    const other = join(fixture('hubert-ctc'), 'model.safetensors')
    await expect(HubertForCTC.fromFairseq(other)).rejects.toMatchObject({ fault: 'not-a-torch-file', file: other })
  })
})

describe('the configuration', () => {
  it.each(names)('of %s is that of the model that was trained', async (name) => {
    await using checkpoint = await openFairseqCheckpoint(files[name])
    const { config, ...rest } = readHubertFairseqConfig(checkpoint)
    expect(rest).toEqual({ ctc: false, normalize: name === 'hubert-pretrain-large' })
    const { extra: _, ...expected } = new FairseqFixture(name).config
    expect(config).toMatchObject({ ...expected, maskTimeLength: 4, ctcLossReduction: 'sum' })
    expect(config.framePadding).toBe('chunks')
  })

  it('of a fine-tuned model is that of Hugging Face, but for the frames of padded utterances', async () => {
    await using checkpoint = await openFairseqCheckpoint(fineTuned)
    const { config, ...rest } = readHubertFairseqConfig(checkpoint)
    expect(rest).toEqual({ ctc: true, normalize: true })
    const json = JSON.parse(await readFile(join(fixture('hubert-ctc'), 'config.json'), 'utf8')) as Record<
      string,
      unknown
    >
    const { extra: _, numClasses, finalDim, ctcLossReduction, ...expected } = readHubertConfig(json)
    // fairseq sums CTC losses.
    expect(config).toMatchObject({ ...expected, ctcLossReduction: 'sum', framePadding: 'chunks', vocabSize: 13 })
  })

  const described = (
    model: Record<string, unknown>,
    { extra = [], dictionaries, rows = 504, task = {} }: Partial<Described> = {},
  ): FairseqCheckpoint => {
    const entries = new Map<string, { dtype: string; shape: readonly number[] }>([
      ['encoder.pos_conv.0.weight_g', { dtype: 'F32', shape: [1, 1, 128] }],
      ['label_embs_concat', { dtype: 'F32', shape: [rows, 256] }],
      ...extra.map((name) => [name, { dtype: 'F32', shape: [1] }] as const),
    ])
    const settings = { model: { _name: 'hubert', label_rate: 50, ...model }, task, criterion: {} }
    return { path: 'x.pt', settings, tensors: { entries }, dictionaries } as unknown as FairseqCheckpoint
  }

  it("has fairseq's defaults for what a checkpoint does not say", () => {
    const { config } = readHubertFairseqConfig(described({}))
    const { numHiddenLayers, hiddenSize, convKernel, finalDim, numClasses, samplingRate } = config
    const base = hubertBase()
    expect({ numHiddenLayers, hiddenSize, convKernel }).toEqual({
      numHiddenLayers: base.numHiddenLayers,
      hiddenSize: base.hiddenSize,
      convKernel: base.convKernel,
    })
    expect({ finalDim, numClasses, samplingRate }).toEqual({ finalDim: 768, numClasses: [504], samplingRate: 16000 })
  })

  it('shares the label embeddings among the sets by their dictionaries, and does not guess without', () => {
    const classes = (options: Partial<Described>) => readHubertFairseqConfig(described({}, options)).config.numClasses
    const symbols = (count: number) => Array.from({ length: count }, (_, i) => `${i}`)
    expect(classes({ rows: 9, dictionaries: [symbols(3), symbols(6)] })).toEqual([3, 6])
    expect(classes({ rows: 9, dictionaries: [symbols(3)] })).toEqual([9])
    expect(classes({ rows: 9, task: { labels: ['a', 'b'] } })).toEqual([])
  })

  it.each([
    ['layer_type', 'conformer'],
    ['activation_fn', 'relu'],
    ['conv_pos_batch_norm', true],
    ['target_glu', true],
    ['label_rate', 'x'],
    ['conv_feature_layers', '__import__("os").system("ls")'],
  ])('refuses %s = %o by name', (field, value) => {
    const error = (() => {
      try {
        return readHubertFairseqConfig(described({ [field]: value }))
      } catch (e) {
        return e
      }
    })()
    expect(error).toBeInstanceOf(ConfigError)
    expect(error).toMatchObject({ field, file: 'x.pt' })
  })

  it('refuses other models', async () => {
    for (const [model, extra] of [
      [{ _name: 'wav2vec2' }, []],
      [{ _name: undefined }, ['quantizer.vars']],
      [{ _name: 'av_hubert' }, []],
      [{}, ['decoder.layers.0.fc1.weight']],
    ] as const) {
      expect(() => readHubertFairseqConfig(described(model, { extra }))).toThrow('another model')
    }
    const none = { ...described({}), tensors: { entries: new Map() } } as unknown as FairseqCheckpoint
    expect(() => readHubertFairseqConfig(none)).toThrow('not of HuBERT')
  })
})

interface Described {
  extra: readonly string[]
  dictionaries: readonly (readonly string[])[]
  rows: number
  task: Record<string, unknown>
}

describe('rows of classes', () => {
  it('are the clusters by number, the special symbols after them', () => {
    expect(rowsOfClasses(7, ['<s>', '<pad>', '</s>', '<unk>', '2', '0', '1'])).toEqual([5, 6, 4, 0, 1, 2, 3])
    expect(rowsOfClasses(7)).toEqual([4, 5, 6, 0, 1, 2, 3])
  })

  it('keep the order of symbols that are not the numbers from 0', () => {
    expect(rowsOfClasses(7, ['<s>', '<pad>', '</s>', '<unk>', 'AH', 'SIL', 'B'])).toEqual([4, 5, 6, 0, 1, 2, 3])
    expect(rowsOfClasses(7, ['<s>', '<pad>', '</s>', '<unk>', '5', '1', '3'])).toEqual([4, 5, 6, 0, 1, 2, 3])
  })

  it('are moved in any precision', async () => {
    const rows = Float32Array.from({ length: 12 }, (_, i) => i)
    const tensor: HostTensor = fromFloat32(rows, [6, 2], 'BF16')
    const checkpoint = {
      tensors: { path: 'x.pt', entries: new Map([['label_embs_concat', tensor]]), read: async () => tensor },
    } as unknown as FairseqCheckpoint
    const source = hubertFairseqTensors(checkpoint, hubertBase({ numClasses: [6] }))
    expect([...toFloat32(await source.read('label_embs_concat'))]).toEqual([8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7])
  })
})

it.each([
  ['w2v_encoder.w2v_model.encoder.layers.3.self_attn.out_proj.bias', 'encoder.layers.3.attention.out_proj.bias'],
  ['feature_extractor.conv_layers.4.2.1.bias', 'feature_extractor.conv_layers.4.layer_norm.bias'],
  ['mask_emb', 'masked_spec_embed'],
  ['final_proj.weight', 'final_proj.weight'],
  ['w2v_encoder.w2v_model.label_embs_concat', 'label_embs_concat'],
  ['w2v_encoder.proj.weight', 'lm_head.weight'],
])("fairseq's %s is %s", (theirs, ours) => {
  expect(hubertFairseqName(theirs)).toBe(ours)
})

describe('a processor', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fairseq-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it("is made of the dictionary that the checkpoint carries, the blank first as in Hugging Face's conversion", async () => {
    const processor = await hubertFairseqProcessor(fineTuned)
    expect(processor.tokenizer.vocabJson()).toMatchObject({ '<pad>': 0, '<s>': 1, '</s>': 2, '<unk>': 3, '|': 4, E: 5 })
    expect(processor.featureExtractor.doNormalize).toBe(true)
    expect(processor.featureExtractor.returnAttentionMask).toBe(false)
  })

  it('is refused without a dictionary of letters, or with one of another model', async () => {
    await expect(hubertFairseqProcessor(pretrained)).rejects.toThrow(CheckpointError)
    const dictionary = join(folder, 'short.txt')
    await writeFile(dictionary, '| 1\n')
    await expect(hubertFairseqProcessor(fineTuned, { dictionary })).rejects.toThrow('5 symbols, the CTC head 13')
  })
})
