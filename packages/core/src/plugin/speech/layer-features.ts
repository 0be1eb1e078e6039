import * as tf from '@tensorflow/tfjs-core'
import type { Codebook } from '../../cluster/index'
import { nearestOf, type PlacedCentroids, place } from '../../cluster/nearest-centroids'
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
import { type UnitSource, unitsOf } from '../units'
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
  readonly #layer: (inputs: Inputs) => tf.Tensor
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
    this.#layer = (inputs) => {
      const { hiddenStates, lastHiddenState } = model.forward(inputs, undefined, { outputHiddenStates: true })
      // Of the pre-norm model the last one is before the final norm.
      return wanted === blocks ? lastHiddenState : hiddenStates![wanted]!
    }
    this.#program = compile(this.#layer, { name: this.name })
  }

  async extract(waveforms: readonly Float32Array[]): Promise<FeatureFrames[]> {
    const inputs = this.#inputs(waveforms)
    const output = this.#program(inputs)
    const values = (await output.data()) as Float32Array
    const frames = output.shape[1]!
    tf.dispose([inputs, output])
    return waveforms.map((waveform, item) => {
      const valid = this.#framesOf(waveform)
      const start = item * frames * this.dim
      return { data: values.slice(start, start + valid * this.dim), frames: valid, dim: this.dim }
    })
  }

  units(codebook: Codebook): Pick<UnitSource, 'label' | 'dispose'> {
    const [, placed] = place(Float64Array.from(codebook.centroids), codebook.dim)
    const program = compile(
      (inputs: Inputs, centroids: PlacedCentroids) => {
        const frames = this.#layer(inputs)
        return nearestOf(tf.reshape(frames, [-1, this.dim]), centroids)
      },
      { name: `${this.name} units` },
    )
    const label = async (waveforms: readonly Float32Array[]): Promise<Int32Array[]> => {
      const inputs = this.#inputs(waveforms)
      const found = program(inputs, placed)
      tf.dispose(inputs)
      const frames = found.labels.shape[0] / this.batchSize
      const parts = waveforms.map((waveform, item) => {
        const start = item * frames
        return [start, start + this.#framesOf(waveform)] as const
      })
      return unitsOf(found, parts, this.name)
    }
    return {
      label,
      dispose: () => {
        program.dispose()
        tf.dispose([placed.offsets, placed.bias, placed.center])
      },
    }
  }

  dispose(): void {
    this.#program.dispose()
    this.#model.dispose()
  }

  #framesOf({ length }: Float32Array): number {
    return Math.max(0, frameCount(this.#model.config, length))
  }

  /** A full batch, whose length is one of whole seconds: few programs are compiled. */
  #inputs(waveforms: readonly Float32Array[]): Inputs {
    const full = Array.from({ length: this.batchSize }, (_, item) => waveforms[item] ?? waveforms[0]!)
    const longest = full.reduce((most, { length }) => Math.max(most, length), this.minSamples)
    const length = Math.ceil(longest / this.sampleRate) * this.sampleRate
    const { inputValues } = this.#extractor.extract(full, { length })
    const mask = new Int32Array(full.length * length)
    full.forEach((waveform, item) => {
      mask.fill(1, item * length, item * length + waveform.length)
    })
    const attentionMask = { data: mask, shape: [full.length, length], dtype: 'int32' as const }
    return toTensors({ inputValues, attentionMask }) as unknown as Inputs
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
