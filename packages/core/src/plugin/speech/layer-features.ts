import * as tf from '@tensorflow/tfjs-core'
import type { Codebook } from '../../cluster/index'
import { nearestOf, type PlacedCentroids, place } from '../../cluster/nearest-centroids'
import { floatArray, intArray, normalizeWaveform, toTensors } from '../../data/index'
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

/** Seconds of a batch, padding included. */
const largestBatch = 320

/** A part of a waveform. */
interface Piece {
  /** Its waveform's index. */
  readonly waveform: number
  readonly firstFrame: number
  readonly frames: number
  readonly samples: Float32Array
}

interface PieceBatch {
  readonly pieces: readonly Piece[]
  readonly rows: number
  /** Samples of a row. */
  readonly length: number
}

/** The frames of one of the Transformer's layers. Recordings of any length: long ones are worked on in pieces, whose frames do not see the others. */
export class LayerFeatures implements FeatureSource {
  readonly name: string
  readonly sampleRate: number
  readonly dim: number
  readonly hopSamples: number
  readonly minSamples: number
  readonly batchSize: number
  readonly #longestSeconds: number
  readonly #model: Encoder
  readonly #extractor: SpeechFeatureExtractor
  readonly #layer: (inputs: Inputs) => tf.Tensor
  readonly #program: CompiledFunction<[Inputs], tf.Tensor>

  /** @param name of the model, for people. It is freed along with this. */
  constructor(
    name: string,
    model: Encoder,
    extractor: SpeechFeatureExtractor,
    { layer, batchSize = 8, longestSeconds = 100 }: LayerOptions = {},
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
    if (!(longestSeconds >= 1)) {
      throw new ConfigError(`longestSeconds is ${longestSeconds}.`, {
        field: 'longestSeconds',
        cure: 'Use at least 1.',
      })
    }
    this.batchSize = batchSize
    this.#longestSeconds = longestSeconds
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
    const found = waveforms.map((waveform) => {
      const frames = this.#framesOf(waveform)
      return { data: new Float32Array(frames * this.dim), frames, dim: this.dim }
    })
    for (const batch of this.#batches(waveforms)) {
      const inputs = this.#upload(batch)
      const output = this.#program(inputs)
      tf.dispose(inputs)
      const values = (await output.data().finally(() => output.dispose())) as Float32Array
      const size = values.length / batch.rows
      batch.pieces.forEach(({ waveform, firstFrame, frames }, row) => {
        const own = values.subarray(row * size, row * size + frames * this.dim)
        found[waveform]!.data.set(own, firstFrame * this.dim)
      })
    }
    return found
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
      const units = waveforms.map((waveform) => new Int32Array(this.#framesOf(waveform)))
      for (const batch of this.#batches(waveforms)) {
        const inputs = this.#upload(batch)
        const found = program(inputs, placed)
        tf.dispose(inputs)
        const size = found.labels.shape[0] / batch.rows
        const parts = batch.pieces.map(({ frames }, row) => [row * size, row * size + frames] as const)
        const labels = await unitsOf(found, parts, this.name)
        batch.pieces.forEach(({ waveform, firstFrame }, row) => {
          units[waveform]!.set(labels[row]!, firstFrame)
        })
      }
      return units
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

  /** Waveforms in pieces of at most `longestSeconds`, in batches of at most {@link largestBatch}. */
  *#batches(waveforms: readonly Float32Array[]): Generator<PieceBatch> {
    const pieces = waveforms.flatMap((waveform, index) => this.#cut(waveform, index))
    for (let at = 0; at < pieces.length; ) {
      let rows = this.batchSize
      // A few numbers of rows, and lengths of whole seconds: few programs are compiled.
      const seconds = (count: number) => {
        const longest = pieces.slice(at, at + count).reduce((most, { samples }) => Math.max(most, samples.length), 0)
        return Math.ceil(Math.max(longest, this.minSamples) / this.sampleRate)
      }
      while (rows > 1 && rows * seconds(rows) > largestBatch) rows = Math.ceil(rows / 2)
      const own = pieces.slice(at, at + rows)
      yield { pieces: own, rows, length: seconds(rows) * this.sampleRate }
      at += own.length
    }
  }

  /** A waveform's pieces, each with the samples that its frames are made of, so that every frame is made once. */
  #cut(waveform: Float32Array, index: number): Piece[] {
    // Of the whole recording, as in training.
    const whole = this.#extractor.doNormalize ? normalizeWaveform(waveform) : waveform
    const total = this.#framesOf(waveform)
    const most = Math.floor((this.#longestSeconds * this.sampleRate) / this.hopSamples)
    return Array.from({ length: Math.ceil(total / most) }, (_, piece) => {
      const firstFrame = piece * most
      const frames = Math.min(most, total - firstFrame)
      const start = firstFrame * this.hopSamples
      const end = frames === total ? whole.length : start + (frames - 1) * this.hopSamples + this.minSamples
      return { waveform: index, firstFrame, frames, samples: whole.subarray(start, end) }
    })
  }

  /** A full batch: rows that are over repeat the first. */
  #upload({ pieces, rows, length }: PieceBatch): Inputs {
    const values = new Float32Array(rows * length)
    const mask = new Int32Array(rows * length)
    for (let row = 0; row < rows; row++) {
      const { samples } = pieces[row] ?? pieces[0]!
      values.set(samples, row * length)
      mask.fill(1, row * length, row * length + samples.length)
    }
    const shape = [rows, length]
    const inputs = { inputValues: floatArray(values, shape), attentionMask: intArray(mask, shape) }
    return toTensors(inputs) as unknown as Inputs
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
