// Checkpoints both ways with Hugging Face Transformers itself: `BABBLE_PYTHON` names a Python that has torch and transformers.

import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CtcTokenizer,
  fromFloat32,
  HostRng,
  type HostTensor,
  readSafetensors,
  SpeechFeatureExtractor,
  SpeechProcessor,
  toFloat32,
  writeSafetensors,
} from '@babble/core'
import { expectClose, maxDifference, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Wav2Vec2ForCTC } from './heads/ctc'
import { Wav2Vec2ForPreTraining } from './heads/pretraining'
import { Wav2Vec2Model } from './model'

const python = process.env.BABBLE_PYTHON
const peer = fileURLToPath(new URL('./testing/transformers-peer.py', import.meta.url))
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))

type AnyModel = Wav2Vec2ForCTC | Wav2Vec2ForPreTraining | Wav2Vec2Model
const classes = { Wav2Vec2ForCTC, Wav2Vec2ForPreTraining, Wav2Vec2Model }

interface Loaded {
  readonly missing: string[]
  readonly unexpected: string[]
  readonly mismatched: string[]
  readonly dtype: string
  readonly processor?: { ids: number[]; text: string; pad: number; rate: number; mean: number }
}

describe.skipIf(!python)('Hugging Face Transformers (BABBLE_PYTHON)', () => {
  let folder: string
  let report: Record<string, Loaded>
  const inputs: { inputValues: tf.Tensor; attentionMask: tf.Tensor }[] = []
  const ours = new Map<string, Float32Array>()

  /** What the Python side takes from each class. */
  const run = (model: AnyModel): Float32Array =>
    tf.tidy(() => {
      const output = model.forward(inputs[0]!)
      if ('logits' in output) return (output.logits as tf.Tensor).dataSync() as Float32Array
      if ('projectedStates' in output) return (output.projectedStates as tf.Tensor).dataSync() as Float32Array
      return output.lastHiddenState.dataSync() as Float32Array
    })
  const worst: string[] = []
  const compare = (actual: Float32Array, expected: Float32Array, relative: number, name: string) => {
    const { difference, magnitude } = maxDifference(actual, expected)
    worst.push(`${(difference / magnitude).toExponential(1)} ${name}`)
    expectClose(actual, expected, { relative, name })
  }
  const outputOf = async (path: string) => toFloat32((await readSafetensors(path)).tensors.get('output')!)

  beforeAll(async () => {
    // What is compared is the files; on this engine nothing is compiled.
    await useEngine('wasm')
    folder = await mkdtemp(join(tmpdir(), 'transformers-'))
    const rng = new HostRng(5)
    const [batch, samples] = [2, 4000]
    const values = Float32Array.from({ length: batch * samples }, () => rng.normal())
    const mask = Int32Array.from(values, (_, i) => (i < samples + 3100 ? 1 : 0))
    values.fill(0, samples + 3100)
    inputs.push({
      inputValues: tf.tensor(values, [batch, samples]),
      attentionMask: tf.tensor(mask, [batch, samples], 'int32'),
    })
    const attention: HostTensor = { dtype: 'I64', shape: [batch, samples], data: BigInt64Array.from(mask, BigInt) }
    await writeSafetensors(join(folder, 'inputs.safetensors'), [
      ['input_values', fromFloat32(values, [batch, samples])],
      ['attention_mask', attention],
    ])

    const tokens = ['<pad>', '<s>', '</s>', '<unk>', '|', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']
    const tokenizer = new CtcTokenizer(new Map(tokens.map((token, id) => [token, id])))
    const processor = new SpeechProcessor(new SpeechFeatureExtractor(), tokenizer)
    const save = async (name: string, model: AnyModel, options: Parameters<AnyModel['savePretrained']>[1] = {}) => {
      ours.set(name, run(model))
      await model.savePretrained(join(folder, 'babble', name), options)
    }
    for (const name of ['wav2vec2-ctc', 'wav2vec2-ctc-large-sum']) {
      const model = await Wav2Vec2ForCTC.fromPretrained(fixture(name))
      await save(name, model, { processor })
      await save(`${name}-sharded`, model, { processor, maxShardSize: '60KB' })
      await save(`${name}-bfloat16`, model, { dtype: 'bfloat16' })
      await save(`${name}-float16`, model, { dtype: 'float16', maxShardSize: '60KB' })
      await save(`${name}-encoder`, model.wav2vec2)
      model.dispose()
    }
    for (const name of ['wav2vec2-pretrain', 'wav2vec2-pretrain-large']) {
      const model = await Wav2Vec2ForPreTraining.fromPretrained(fixture(name))
      await save(name, model)
      await save(`${name}-sharded`, model, { maxShardSize: '60KB' })
      model.dispose()
    }
    const { status, stderr } = spawnSync(python!, [peer, folder], { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    report = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')) as Record<string, Loaded>
  }, 300_000)
  afterAll(async () => {
    if (process.env.BABBLE_REPORT_ERRORS) console.log(worst.join('\n'))
    await rm(folder, { recursive: true, force: true })
  })

  it('loads what we save: nothing is missing or left over, and the outputs are equal', async () => {
    expect(Object.keys(report).sort()).toEqual([...ours.keys()].sort())
    for (const [name, values] of ours) {
      const dtype = /bfloat16|float16/.exec(name)?.[0] ?? 'float32'
      const found = report[name]!
      expect(found, name).toMatchObject({ missing: [], unexpected: [], mismatched: [], dtype: `torch.${dtype}` })
      // Half precision rounds the parameters, to 2^-9 and 2^-12.
      const relative = { float32: 1e-5, float16: 5e-3, bfloat16: 5e-2 }[dtype]!
      compare(await outputOf(join(folder, `${name}.output.safetensors`)), values, relative, name)
    }
  })

  it('writes shards where asked to, which Transformers loads', async () => {
    const files = await readdir(join(folder, 'babble', 'wav2vec2-ctc-sharded'))
    expect(files.filter((name) => name.startsWith('model-')).length).toBeGreaterThan(3)
    expect(files).not.toContain('model.safetensors')
  })

  it('rounds to half precision as PyTorch does', async () => {
    for (const [dtype, type] of [
      ['bfloat16', 'BF16'],
      ['float16', 'F16'],
    ] as const) {
      const model = await Wav2Vec2ForCTC.fromPretrained(join(folder, 'babble', `wav2vec2-ctc-${dtype}`))
      const values = run(model)
      expectClose(await outputOf(join(folder, `wav2vec2-ctc-${dtype}.output.safetensors`)), values, {
        relative: 1e-5,
        name: type,
      })
      model.dispose()
    }
  })

  it("loads the processor's files", () => {
    for (const name of ['wav2vec2-ctc', 'wav2vec2-ctc-sharded']) {
      const { ids, text, pad, rate, mean } = report[name]!.processor!
      expect({ ids, text, pad, rate }).toEqual({ ids: [5, 6, 4, 5], text: 'AB A', pad: 0, rate: 16000 })
      expect(mean).toBeLessThan(1e-6)
    }
  })

  it.each(['', '-sharded', '-bin', '-bin-older', '-half'])(
    'saves what we load, with equal outputs (layout%s)',
    async (layout) => {
      for (const size of ['base', 'large']) {
        for (const [name, Model] of Object.entries(classes)) {
          const path = join(folder, 'transformers', `${name}-${size}`)
          const model: AnyModel = await Model.fromPretrained(path + layout)
          expect(model.loadReport, name).toEqual({ missing: [], ignored: [] })
          const relative = layout === '-half' ? 5e-3 : 1e-5
          compare(run(model), await outputOf(`${path}.output.safetensors`), relative, `${name} ${size}${layout}`)
          model.dispose()
        }
      }
    },
  )
})
