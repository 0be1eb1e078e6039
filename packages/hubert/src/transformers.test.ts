// Checkpoints both ways with Hugging Face Transformers itself: `BABBLE_PYTHON` names a Python that has torch and transformers.

import { fileURLToPath } from 'node:url'
import { Initializer } from '@babble/core'
import { peerLayouts, peerShape, TransformersPeer, useEngine } from '@babble/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HubertForCTC } from './heads/ctc'
import { HubertForPreTraining } from './heads/pretraining'
import { HubertForSequenceClassification } from './heads/sequence-classification'
import { HubertModel } from './model'
import { FairseqFixture } from './testing/fairseq-fixture'

const ctcFixture = fileURLToPath(new URL('../fixtures/hubert-ctc', import.meta.url))

const classes = { HubertForCTC, HubertForSequenceClassification, HubertModel }
const labels = 'yes no up down left right on off stop go silence unknown'.split(' ')
const ids = Object.fromEntries(labels.map((label, id) => [label, id]))
const large = { feat_extract_norm: 'layer', do_stable_layer_norm: true, conv_bias: true }
const sizes = {
  base: { ...peerShape, id2label: { ...labels }, label2id: ids },
  large: { ...peerShape, ...large, use_weighted_layer_sum: true, num_labels: 4 },
  // As DistilHuBERT.
  plain: { ...peerShape, feat_proj_layer_norm: false, use_weighted_layer_sum: true, mask_time_prob: 0 },
}

describe.skipIf(!TransformersPeer.available)('Hugging Face Transformers (BABBLE_PYTHON)', () => {
  let peer: TransformersPeer
  /** What it has no place for of a pre-training model. */
  const prediction = ['final_proj.bias', 'final_proj.weight', 'label_embs_concat']

  beforeAll(async () => {
    // What is compared is the files; on this engine nothing is compiled.
    await useEngine('wasm')
    peer = await TransformersPeer.open({
      config: 'HubertConfig',
      outputs: { HubertForCTC: 'logits', HubertForSequenceClassification: 'logits', HubertModel: 'last_hidden_state' },
      sizes,
      loadAs: { HubertForPreTraining: 'HubertModel' },
    })
    for (const name of ['hubert-pretrain', 'hubert-pretrain-large']) {
      const fixture = new FairseqFixture(name)
      // Frames of padded utterances as Transformers has them.
      const config = {
        ...fixture.config,
        framePadding: 'convolution',
        id2label: labels,
        classifierProjSize: 20,
      } as const
      const model = new HubertForPreTraining(config, Initializer.empty())
      fixture.fill(model)
      await peer.save(name, model)
      await peer.save(`${name}-encoder`, model.hubert)
      await peer.save(`${name}-sharded`, model, { maxShardSize: '60KB' })
      model.dispose()
      const load = { newHead: true, config: { vocabSize: 13 } }
      const ctc = await HubertForCTC.fromPretrained(peer.saved(name), load)
      await peer.save(`${name}-ctc`, ctc, { processor: peer.processor })
      await peer.save(`${name}-ctc-bfloat16`, ctc, { dtype: 'bfloat16' })
      ctc.dispose()
      for (const useWeightedLayerSum of [false, true]) {
        const classifier = await HubertForSequenceClassification.fromPretrained(peer.saved(name), {
          config: { useWeightedLayerSum },
        })
        await peer.save(`${name}-classification-${useWeightedLayerSum ? 'sum' : 'last'}`, classifier)
        classifier.dispose()
      }
    }
    const ctc = await HubertForCTC.fromPretrained(ctcFixture)
    await peer.save('hubert-ctc', ctc, { processor: peer.processor })
    // A model of another shape: no layer norm before the projection.
    const plain = new HubertModel({ ...ctc.config, featProjLayerNorm: false }, new Initializer(3))
    await peer.save('plain', plain)
    plain.dispose()
    ctc.dispose()
    await peer.run()
  }, 300_000)
  afterAll(() => peer?.close())

  it('loads what we save: nothing is missing, only cluster prediction is left over, and the outputs are equal', async () => {
    expect(Object.keys(peer.report).sort()).toEqual([...peer.ours.keys()].sort())
    for (const [name, values] of peer.ours) {
      const dtype = /bfloat16/.exec(name)?.[0] ?? 'float32'
      const unexpected = /^hubert-pretrain(-large)?(-sharded)?$/.test(name) ? prediction : []
      const found = peer.report[name]!
      expect(found, name).toMatchObject({ missing: [], unexpected, mismatched: [], dtype: `torch.${dtype}` })
      // Half precision rounds the parameters, to 2^-9.
      await peer.compareSaved(name, values, dtype === 'float32' ? 1e-5 : 5e-2)
    }
  })

  it('finds the names of classes, and the processor', () => {
    expect(peer.report['hubert-pretrain-classification-last']).toMatchObject({ labels, ids })
    expect(peer.report['hubert-ctc']!.labels).toEqual(['LABEL_0', 'LABEL_1'])
    const { ids: encoded, text, pad, rate } = peer.report['hubert-ctc']!.processor!
    expect({ encoded, text, pad, rate }).toEqual({ encoded: [5, 6, 4, 5], text: 'AB A', pad: 0, rate: 16000 })
  })

  it('rounds to half precision as PyTorch does', async () => {
    const name = 'hubert-pretrain-ctc-bfloat16'
    const model = await HubertForCTC.fromPretrained(peer.saved(name))
    await peer.compareSaved(name, peer.output(model), 1e-5)
    model.dispose()
  })

  it.each(peerLayouts)('saves what we load, with equal outputs (layout%s)', async (layout) => {
    for (const size of Object.keys(sizes)) {
      for (const [name, Model] of Object.entries(classes)) {
        const model = await Model.fromPretrained(peer.theirs(name, size, layout))
        expect(model.loadReport, name).toEqual({ missing: [], ignored: [] })
        const numbered = ['LABEL_0', 'LABEL_1', 'LABEL_2', 'LABEL_3']
        const expected = { base: labels, large: numbered, plain: numbered.slice(0, 2) }[size]
        expect(model.config.id2label).toEqual(expected)
        await peer.compareTheirs(name, size, model, layout === '-half' ? 5e-3 : 1e-5)
        model.dispose()
      }
    }
  })
})
