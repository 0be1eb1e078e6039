import * as tf from '@tensorflow/tfjs-core'
import { toTensors } from '../../data/index'
import { type CompiledFunction, compile } from '../../engine/index'
import { ConfigError } from '../../errors'
import type { FeatureFrames } from '../../features/index'
import {
  frameCount,
  receptiveField,
  type SpeechEncoder,
  type SpeechEncoderConfig,
  type SpeechFeatureExtractor,
  samplesPerFrame,
} from '../../speech/index'
import type { FeatureSource, LayerOptions } from '../model-plugin'
import { readExtractor } from './extractor'

type Encoder = SpeechEncoder<SpeechEncoderConfig>

interface Inputs {
  readonly [name: string]: tf.Tensor
  readonly inputValues: tf.Tensor
  readonly attentionMask: tf.Tensor
}

/** The frames of one of the Transformer's layers. */
export class LayerFeatures implements FeatureSource {
  readonly name: string
  readonly sampleRate: number
  readonly dim: number
  readonly hopSamples: number
  readonly minSamples: number
  readonly batchSize: number
  readonly #model: Encoder
  readonly #extractor: SpeechFeatureExtractor
  readonly #program: CompiledFunction<[Inputs], tf.Tensor>

  /** @param name of the model, for people. It is freed along with this. */
  constructor(
    name: string,
    model: Encoder,
    extractor: SpeechFeatureExtractor,
    { layer, batchSize = 8 }: LayerOptions = {},
  ) {
    const { config } = model
    const blocks = config.numHiddenLayers
    const wanted = layer ?? blocks
    if (!(Number.isInteger(wanted) && wanted >= 0 && wanted <= blocks)) {
      throw new ConfigError(`there is no layer ${wanted}.`, {
        field: 'layer',
        cure: `Layers are 0 (what the Transformer is given) to ${blocks} (its output).`,
      })
    }
    this.name = `${name} layer ${wanted}`
    this.sampleRate = extractor.samplingRate
    this.dim = config.hiddenSize
    this.hopSamples = samplesPerFrame(config)
    this.minSamples = receptiveField(config)
    this.batchSize = batchSize
    this.#model = model
    this.#extractor = extractor
    this.#program = compile(
      (inputs) => {
        const { hiddenStates, lastHiddenState } = model.forward(inputs, undefined, { outputHiddenStates: true })
        // Of the pre-norm model the last one is before the final norm.
        return wanted === blocks ? lastHiddenState : hiddenStates![wanted]!
      },
      { name: this.name },
    )
  }

  async extract(waveforms: readonly Float32Array[]): Promise<FeatureFrames[]> {
    const { config } = this.#model
    const full = Array.from({ length: this.batchSize }, (_, item) => waveforms[item] ?? waveforms[0]!)
    const longest = full.reduce((most, { length }) => Math.max(most, length), this.minSamples)
    const length = Math.ceil(longest / this.sampleRate) * this.sampleRate
    const { inputValues } = this.#extractor.extract(full, { length })
    const mask = new Int32Array(full.length * length)
    full.forEach((waveform, item) => {
      mask.fill(1, item * length, item * length + waveform.length)
    })
    const attentionMask = { data: mask, shape: [full.length, length], dtype: 'int32' as const }
    const inputs = toTensors({ inputValues, attentionMask }) as unknown as Inputs
    const output = this.#program(inputs)
    const values = (await output.data()) as Float32Array
    const frames = output.shape[1]!
    tf.dispose([inputs, output])
    return waveforms.map((waveform, item) => {
      const valid = Math.max(0, frameCount(config, waveform.length))
      const start = item * frames * this.dim
      return { data: values.slice(start, start + valid * this.dim), frames: valid, dim: this.dim }
    })
  }

  dispose(): void {
    this.#program.dispose()
    this.#model.dispose()
  }
}

/** Opens a model directory, fine-tuned or not, for the features of one of its layers: a plugin's `loadFeatures`. */
export const loadLayerFeatures = async (
  name: string,
  load: (directory: string) => Promise<Encoder>,
  directory: string,
  options: LayerOptions = {},
): Promise<FeatureSource> => {
  const model = await load(directory)
  try {
    return new LayerFeatures(name, model, await readExtractor(directory), options)
  } catch (error) {
    model.dispose()
    throw error
  }
}
