// Checkpoints both ways with Hugging Face Transformers itself: `BABBLE_PYTHON` names a Python that has torch and transformers.

import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { peerLayouts, peerShape, TransformersPeer, useEngine } from '@babble/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Wav2Vec2ForCTC } from './heads/ctc'
import { Wav2Vec2ForPreTraining } from './heads/pretraining'
import { Wav2Vec2ForSequenceClassification } from './heads/sequence-classification'
import { Wav2Vec2Model } from './model'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))

const classes = { Wav2Vec2ForCTC, Wav2Vec2ForPreTraining, Wav2Vec2ForSequenceClassification, Wav2Vec2Model }
const shape = { ...peerShape, num_codevectors_per_group: 6, codevector_dim: 8, proj_codevector_dim: 12 }
const large = { feat_extract_norm: 'layer', do_stable_layer_norm: true, conv_bias: true }
const labels = 'yes no up down left right on off stop go silence unknown'.split(' ')
const ids = Object.fromEntries(labels.map((label, id) => [label, id]))

describe.skipIf(!TransformersPeer.available)('Hugging Face Transformers (BABBLE_PYTHON)', () => {
  let peer: TransformersPeer

  beforeAll(async () => {
    // What is compared is the files; on this engine nothing is compiled.
    await useEngine('wasm')
    peer = await TransformersPeer.open({
      config: 'Wav2Vec2Config',
      outputs: {
        Wav2Vec2ForCTC: 'logits',
        Wav2Vec2ForPreTraining: 'projected_states',
        Wav2Vec2ForSequenceClassification: 'logits',
        Wav2Vec2Model: 'last_hidden_state',
      },
      sizes: {
        base: { ...shape, id2label: { ...labels }, label2id: ids },
        large: { ...shape, ...large, use_weighted_layer_sum: true, num_labels: 4 },
      },
    })
    const { processor } = peer
    for (const name of ['wav2vec2-ctc', 'wav2vec2-ctc-large-sum']) {
      const model = await Wav2Vec2ForCTC.fromPretrained(fixture(name))
      await peer.save(name, model, { processor })
      await peer.save(`${name}-sharded`, model, { processor, maxShardSize: '60KB' })
      await peer.save(`${name}-bfloat16`, model, { dtype: 'bfloat16' })
      await peer.save(`${name}-float16`, model, { dtype: 'float16', maxShardSize: '60KB' })
      await peer.save(`${name}-encoder`, model.wav2vec2)
      model.dispose()
      for (const useWeightedLayerSum of [false, true]) {
        const config = { id2label: labels, classifierProjSize: 20, useWeightedLayerSum }
        const classifier = await Wav2Vec2ForSequenceClassification.fromPretrained(fixture(name), {
          config,
          newHead: true,
        })
        await peer.save(`${name}-classification-${useWeightedLayerSum ? 'sum' : 'last'}`, classifier)
        classifier.dispose()
      }
    }
    for (const name of ['wav2vec2-pretrain', 'wav2vec2-pretrain-large']) {
      const model = await Wav2Vec2ForPreTraining.fromPretrained(fixture(name))
      await peer.save(name, model)
      await peer.save(`${name}-sharded`, model, { maxShardSize: '60KB' })
      model.dispose()
    }
    await peer.run()
  }, 300_000)
  afterAll(() => peer?.close())

  it('loads what we save: nothing is missing or left over, and the outputs are equal', async () => {
    expect(Object.keys(peer.report).sort()).toEqual([...peer.ours.keys()].sort())
    for (const [name, values] of peer.ours) {
      const dtype = /bfloat16|float16/.exec(name)?.[0] ?? 'float32'
      const found = peer.report[name]!
      expect(found, name).toMatchObject({ missing: [], unexpected: [], mismatched: [], dtype: `torch.${dtype}` })
      // Half precision rounds the parameters, to 2^-9 and 2^-12.
      const relative = { float32: 1e-5, float16: 5e-3, bfloat16: 5e-2 }[dtype]!
      await peer.compareSaved(name, values, relative)
    }
  })

  it('finds the names of classes', () => {
    const found = peer.report['wav2vec2-ctc-classification-last']!
    expect(found).toMatchObject({ labels, ids })
    // Two classes without names are what both sides assume.
    expect(peer.report['wav2vec2-ctc']!.labels).toEqual(['LABEL_0', 'LABEL_1'])
  })

  it('writes shards where asked to, which Transformers loads', async () => {
    const files = await readdir(peer.saved('wav2vec2-ctc-sharded'))
    expect(files.filter((name) => name.startsWith('model-')).length).toBeGreaterThan(3)
    expect(files).not.toContain('model.safetensors')
  })

  it('rounds to half precision as PyTorch does', async () => {
    for (const name of ['wav2vec2-ctc-bfloat16', 'wav2vec2-ctc-float16']) {
      const model = await Wav2Vec2ForCTC.fromPretrained(peer.saved(name))
      await peer.compareSaved(name, peer.output(model), 1e-5)
      model.dispose()
    }
  })

  it("loads the processor's files", () => {
    for (const name of ['wav2vec2-ctc', 'wav2vec2-ctc-sharded']) {
      const { ids, text, pad, rate, mean } = peer.report[name]!.processor!
      expect({ ids, text, pad, rate }).toEqual({ ids: [5, 6, 4, 5], text: 'AB A', pad: 0, rate: 16000 })
      expect(mean).toBeLessThan(1e-6)
    }
  })

  it.each(peerLayouts)('saves what we load, with equal outputs (layout%s)', async (layout) => {
    for (const size of ['base', 'large']) {
      for (const [name, Model] of Object.entries(classes)) {
        const model = await Model.fromPretrained(peer.theirs(name, size, layout))
        expect(model.loadReport, name).toEqual({ missing: [], ignored: [] })
        const expected = size === 'base' ? labels : ['LABEL_0', 'LABEL_1', 'LABEL_2', 'LABEL_3']
        expect(model.config.id2label).toEqual(expected)
        await peer.compareTheirs(name, size, model, layout === '-half' ? 5e-3 : 1e-5)
        model.dispose()
      }
    }
  })
})
