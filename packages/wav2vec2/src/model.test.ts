import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CheckpointError,
  ConfigError,
  CtcTokenizer,
  compile,
  DataError,
  frameCount,
  HostRng,
  type HostTensor,
  Initializer,
  Rng,
  readSafetensors,
  SpeechFeatureExtractor,
  SpeechProcessor,
  writeModelDirectory,
} from '@babble/core'
import { enginesUnderTest, expectClose, useEngine } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readWav2Vec2Config, wav2vec2Base, wav2vec2Tiny } from './config'
import { Wav2Vec2ForCTC } from './heads/ctc'
import { Wav2Vec2ForPreTraining } from './heads/pretraining'
import { Wav2Vec2Model } from './model'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
const tensorsOf = async (dir: string) => (await readSafetensors(join(dir, 'model.safetensors'))).tensors
const configOf = async (dir: string) =>
  JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')) as Record<string, unknown>

const failure = async (promise: Promise<unknown>): Promise<Error> => {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

/** A few layers, quick on any engine. */
const small = (fields: Parameters<typeof wav2vec2Tiny>[0] = {}) =>
  wav2vec2Tiny({
    hiddenSize: 16,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    intermediateSize: 24,
    convDim: [8, 8, 8],
    convKernel: [10, 3, 3],
    convStride: [5, 2, 2],
    numConvPosEmbeddings: 4,
    numConvPosEmbeddingGroups: 2,
    numCodevectorsPerGroup: 4,
    codevectorDim: 8,
    projCodevectorDim: 8,
    ...fields,
  })

describe('checkpoints', () => {
  let dir: string
  beforeAll(async () => {
    await useEngine('cpu')
    dir = await mkdtemp(join(tmpdir(), 'wav2vec2-'))
  })
  afterAll(() => rm(dir, { recursive: true }))

  it.each([
    ['wav2vec2-pretrain', Wav2Vec2ForPreTraining],
    ['wav2vec2-pretrain-large', Wav2Vec2ForPreTraining],
    ['wav2vec2-ctc', Wav2Vec2ForCTC],
    ['wav2vec2-ctc-large-sum', Wav2Vec2ForCTC],
  ])('%s comes back with the same names, bytes and configuration', async (name, Model) => {
    const model = await Model.fromPretrained(fixture(name))
    expect(model.loadReport).toEqual({ missing: [], ignored: [] })
    const saved = join(dir, name)
    await model.savePretrained(saved)
    const [before, after] = [await tensorsOf(fixture(name)), await tensorsOf(saved)]
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort())
    for (const [key, tensor] of before) expect(after.get(key), key).toEqual(tensor)
    expect(await configOf(saved)).toEqual(await configOf(fixture(name)))
    model.dispose()
  })

  it('makes a CTC model of a pre-trained one: a new head, no quantiser, and says so', async () => {
    const model = await Wav2Vec2ForCTC.fromPretrained(fixture('wav2vec2-pretrain'), { config: { vocabSize: 5 } })
    expect(model.loadReport.missing).toEqual(['lm_head.weight', 'lm_head.bias'])
    expect([...model.loadReport.ignored].sort()).toEqual([
      'project_hid.bias',
      'project_hid.weight',
      'project_q.bias',
      'project_q.weight',
      'quantizer.codevectors',
      'quantizer.weight_proj.bias',
      'quantizer.weight_proj.weight',
    ])
    expect(model.lmHead.weight.shape).toEqual([5, 48])
    const spread = tf.tidy(() => Math.sqrt(tf.mean(tf.square(model.lmHead.weight)).dataSync()[0]!))
    expect(spread).toBeGreaterThan(0.01)
    expect(spread).toBeLessThan(0.03)
    model.dispose()
  })

  it('makes an encoder of any model', async () => {
    const model = await Wav2Vec2Model.fromPretrained(fixture('wav2vec2-ctc'))
    expect(model.loadReport.ignored).toEqual(['lm_head.bias', 'lm_head.weight'])
    const bare = join(dir, 'bare')
    await model.savePretrained(bare)
    expect([...(await tensorsOf(bare)).keys()]).toContain('masked_spec_embed')
    const again = await Wav2Vec2ForCTC.fromPretrained(bare)
    expect(again.loadReport.missing).toEqual(['lm_head.weight', 'lm_head.bias'])
    expectClose(again.wav2vec2.maskedSpecEmbed!, model.maskedSpecEmbed!, { relative: 0 })
    again.dispose()
    model.dispose()
  })

  it('replaces a CTC head for another vocabulary when asked, and says how when not', async () => {
    const error = await failure(Wav2Vec2ForCTC.fromPretrained(fixture('wav2vec2-ctc'), { config: { vocabSize: 7 } }))
    expect(error).toBeInstanceOf(CheckpointError)
    expect(error.message).toMatch(/lm_head\.weight \(\[13, 48\], not \[7, 48\]\).*newHead: true/)
    const model = await Wav2Vec2ForCTC.fromPretrained(fixture('wav2vec2-ctc'), {
      config: { vocabSize: 7 },
      newHead: true,
    })
    expect(model.lmHead.bias!.shape).toEqual([7])
    model.dispose()
  })

  it('reads the older names of weight norm', async () => {
    const tensors = [...(await tensorsOf(fixture('wav2vec2-ctc')))].map(([name, tensor]): [string, HostTensor] => [
      name
        .replace('parametrizations.weight.original0', 'weight_g')
        .replace('parametrizations.weight.original1', 'weight_v'),
      tensor,
    ])
    expect(tensors.some(([name]) => name.endsWith('weight_g'))).toBe(true)
    const older = join(dir, 'older')
    await writeModelDirectory(older, { config: await configOf(fixture('wav2vec2-ctc')), tensors })
    const model = await Wav2Vec2ForCTC.fromPretrained(older)
    expect(model.loadReport).toEqual({ missing: [], ignored: [] })
    model.dispose()
  })

  it('lists all that does not fit, with shapes', async () => {
    const tensors = await tensorsOf(fixture('wav2vec2-pretrain'))
    tensors.delete('project_q.bias')
    tensors.set('wav2vec2.surplus', { data: new Float32Array(2), shape: [2], dtype: 'F32' })
    tensors.set('wav2vec2.masked_spec_embed', { data: new Float32Array(3), shape: [3], dtype: 'F32' })
    const bad = join(dir, 'bad')
    await writeModelDirectory(bad, { config: await configOf(fixture('wav2vec2-pretrain')), tensors })
    const error = await failure(Wav2Vec2ForPreTraining.fromPretrained(bad))
    expect(error).toBeInstanceOf(CheckpointError)
    expect(error.message).toMatch(/lacks project_q\.bias/)
    expect(error.message).toMatch(/wav2vec2\.surplus \[2\]/)
    expect(error.message).toMatch(/masked_spec_embed \(\[3\], not \[48\]\)/)
  })

  it('refuses a CTC checkpoint for pre-training, and frees what it made', async () => {
    const before = tf.memory().numTensors
    const error = await failure(Wav2Vec2ForPreTraining.fromPretrained(fixture('wav2vec2-ctc')))
    expect(error.message).toMatch(/lacks quantizer\.codevectors.*lm_head\.weight \[13, 48\]/)
    expect(tf.memory().numTensors).toBe(before)
  })

  it('writes numbers that Transformers wants to be floats with a decimal point', async () => {
    const model = new Wav2Vec2Model(small({ diversityLossWeight: 0, contrastiveLogitsTemperature: 1 }))
    const exact = join(dir, 'exact')
    await model.savePretrained(exact)
    const text = await readFile(join(exact, 'config.json'), 'utf8')
    expect(text).toMatch(/"diversity_loss_weight": 0\.0,/)
    expect(text).toMatch(/"contrastive_logits_temperature": 1\.0,/)
    model.dispose()
  })

  it('writes the processor along with the model', async () => {
    const tokenizer = CtcTokenizer.fromTexts(['ab'])
    const processor = new SpeechProcessor(new SpeechFeatureExtractor(), tokenizer)
    const model = new Wav2Vec2ForCTC(small({ vocabSize: tokenizer.vocabSize }))
    const together = join(dir, 'together')
    await model.savePretrained(together, { processor })
    expect((await SpeechProcessor.fromPretrained(together)).tokenizer.vocabJson()).toEqual(tokenizer.vocabJson())
    const loaded = await Wav2Vec2ForCTC.fromPretrained(together)
    expect(loaded.config).toMatchObject({ ...model.config, extra: expect.anything() })
    loaded.dispose()
    model.dispose()
  })
})

describe('parameters', () => {
  beforeAll(() => useEngine('cpu'))

  it('are none of the mask embedding in a model without masks, as in the reference', () => {
    const model = new Wav2Vec2Model(small({ maskTimeProb: 0 }))
    expect([...model.namedParameters().keys()]).not.toContain('masked_spec_embed')
    const inputs = {
      inputValues: tf.zeros([1, 400]),
      maskTimeIndices: tf.ones([1, frameCount(model.config, 400)], 'int32'),
    }
    expect(() => model.forward(inputs)).toThrow(ConfigError)
    model.dispose()
  })

  it('of the feature encoder, or of all but the head, can be frozen', () => {
    const model = new Wav2Vec2ForCTC(small())
    const trained = () => [...model.namedParameters()].filter(([, { trainable }]) => trainable).map(([name]) => name)
    model.freezeFeatureEncoder()
    expect(trained().some((name) => name.includes('feature_extractor'))).toBe(false)
    expect(trained()).toContain('wav2vec2.feature_projection.projection.weight')
    model.freezeBaseModel()
    expect(trained()).toEqual(['lm_head.weight', 'lm_head.bias'])
    model.dispose()
  })

  it('are as many as the paper says: 95 M in BASE', () => {
    const model = new Wav2Vec2ForPreTraining(wav2vec2Base(), Initializer.empty())
    // fairseq's count, logged by its BASE recipe.
    expect(model.parameterCount()).toBe(95_044_608)
    model.dispose()
  })
})

describe.each(enginesUnderTest())('forward on %s', (engine) => {
  beforeAll(() => useEngine(engine))

  const samples = 900
  const short = 610
  const waveform = (length: number, seed: number) => {
    const rng = new HostRng(seed)
    return Float32Array.from({ length }, () => rng.normal())
  }
  const long = waveform(samples, 1)
  const brief = waveform(short, 2)
  const padded = new Float32Array(2 * samples)
  padded.set(long)
  padded.set(brief, samples)
  const mask = Int32Array.from({ length: 2 * samples }, (_, at) => (at < samples + short ? 1 : 0))

  /** The short utterance's frames, alone and in a batch with a longer one. */
  const both = (groupNormPadding: 'reference' | 'masked', featExtractNorm: 'group' | 'layer' = 'group') => {
    const model = new Wav2Vec2Model(small({ groupNormPadding, featExtractNorm }))
    const forward = compile(
      (inputs: { inputValues: tf.Tensor; attentionMask?: tf.Tensor }) => model.forward(inputs).lastHiddenState,
    )
    const alone = forward({ inputValues: tf.tensor(brief, [1, short]) })
    const batch = forward({
      inputValues: tf.tensor(padded, [2, samples]),
      attentionMask: tf.tensor(mask, [2, samples], 'int32'),
    })
    const frames = frameCount(model.config, short)
    return { alone: alone.dataSync(), batched: tf.slice(batch, [1, 0, 0], [1, frames, -1]).dataSync() }
  }

  it('gives an utterance the same frames alone and in a padded batch, with masked group norm', () => {
    const { alone, batched } = both('masked')
    expectClose(batched, alone, { relative: 2e-6 })
  })

  it('gives it others with the reference group norm, which takes padding in', () => {
    const { alone, batched } = both('reference')
    expect(() => expectClose(batched, alone, { relative: 1e-3 })).toThrow(/differs/)
  })

  it('gives it the same ones with layer norm, whatever groupNormPadding is', () => {
    const { alone, batched } = both('reference', 'layer')
    expectClose(batched, alone, { relative: 2e-6 })
  })

  it('refuses waveforms shorter than a frame', () => {
    const model = new Wav2Vec2Model(small())
    expect(() => model.forward({ inputValues: tf.zeros([1, 20]) })).toThrow(DataError)
    model.dispose()
  })

  it('refuses losses without masks', () => {
    const model = new Wav2Vec2ForPreTraining(small())
    const frames = frameCount(model.config, samples)
    const inputs = { inputValues: tf.zeros([1, samples]), sampledNegativeIndices: tf.zeros([1, frames, 3], 'int32') }
    expect(() => model.forward(inputs)).toThrow(/maskTimeIndices/)
    model.dispose()
  })

  it('repeats its dropout and noise under the same key and not under another', () => {
    const model = new Wav2Vec2ForPreTraining(small({ layerdrop: 0.3 }))
    const run = compile((inputs: { inputValues: tf.Tensor }, key: tf.Tensor1D) => {
      const output = model.forward(inputs, { training: true, rng: new Rng(key) })
      return tf.concat([tf.reshape(output.projectedStates, [-1]), tf.reshape(output.projectedQuantizedStates, [-1])])
    })
    const inputs = { inputValues: tf.tensor(long, [1, samples]) }
    const draw = (seed: number) => run(inputs, tf.tensor1d([0, seed], 'int32')).dataSync()
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
    model.dispose()
  })
})

describe('the gradient scale of the feature encoder', () => {
  beforeAll(() => useEngine('cpu'))

  it('scales the gradients of the feature encoder and of nothing else', () => {
    const model = new Wav2Vec2Model(small({ hiddenDropout: 0 }))
    const input = tf.tensor(
      Float32Array.from({ length: 300 }, (_, at) => Math.sin(at * at)),
      [1, 300],
    )
    const gradients = (featureGradMult: number) => {
      const parameters = [...model.namedParameters()]
      const run = () =>
        tf.sum(tf.square(model.forward({ inputValues: input }, undefined, { featureGradMult }).lastHiddenState))
      const { grads } = tf.variableGrads(
        () => tf.add(run(), tf.sum(model.maskedSpecEmbed!)) as tf.Scalar,
        parameters.map(([, variable]) => variable),
      )
      return new Map(parameters.map(([name, variable]) => [name, grads[variable.name]]))
    }
    const [full, tenth, stopped] = [gradients(1), gradients(0.1), gradients(0)]
    for (const [name, gradient] of full) {
      const scale = name.startsWith('feature_extractor.') ? 0.1 : 1
      expectClose(tenth.get(name)!, tf.mul(gradient!, scale), { relative: 1e-5, absolute: 1e-7, name })
    }
    expect(stopped.get('feature_extractor.conv_layers.0.conv.weight') ?? 'none').toBe('none')
    expect(stopped.get('feature_projection.projection.weight')).toBeInstanceOf(tf.Tensor)
    model.dispose()
  })
})

describe('configuration', () => {
  it('of the fixtures is read without a loss', async () => {
    const json = await configOf(fixture('wav2vec2-ctc'))
    expect(readWav2Vec2Config(json)).toMatchObject({
      ctcZeroInfinity: true,
      maskFeatureProb: 0.1,
      numConvPosEmbeddings: 16,
    })
  })
})
