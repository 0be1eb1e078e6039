import { floatArray, type HostArray, intArray, normalizeWaveform, refuseNonFinite } from '../data/index'
import { AudioError, ConfigError } from '../errors'
import { checkField, integer, oneOf } from './config-rules'

export { normalizeWaveform }

/** The fields of Hugging Face's `preprocessor_config.json`, in camelCase. */
export interface SpeechFeatureExtractorOptions {
  /** Hz of the waveforms that the model was trained on. Default 16000. */
  readonly samplingRate?: number
  /** Bring each utterance to zero mean and unit variance. Default true. */
  readonly doNormalize?: boolean
  /** Value of the samples that pad an utterance. Default 0. */
  readonly paddingValue?: number
  /** Whether batches come with an attention mask. Default true; Hugging Face has false for models with group norm. */
  readonly returnAttentionMask?: boolean
}

export interface ExtractOptions {
  /** Hz of the waveforms, to be compared with the model's. */
  readonly samplingRate?: number
  /** Pad to this many samples. Default: the longest waveform. */
  readonly length?: number
  /**
   * Over which samples mean and variance are taken: an utterance's own (`valid`, the default), or its padding too (`padded`, which is
   * what Hugging Face does without an attention mask; the padding is then no longer silent).
   */
  readonly statistics?: 'valid' | 'padded'
  /** Names of the waveforms in errors. */
  readonly files?: readonly string[]
}

/** What a model's `forward` takes, on the host. */
export interface ExtractedFeatures {
  /** float32 `[batch, samples]` */
  readonly inputValues: HostArray
  /** int32 `[batch, samples]`: 1 at samples, 0 at padding. Only with `returnAttentionMask`. */
  readonly attentionMask?: HostArray
}

/** Makes batches of waveforms into a model's input: normalisation, padding, attention mask. */
export class SpeechFeatureExtractor {
  readonly samplingRate: number
  readonly doNormalize: boolean
  readonly paddingValue: number
  readonly returnAttentionMask: boolean
  /** Keys of `preprocessor_config.json` that mean nothing here; written back. */
  readonly #extra: Readonly<Record<string, unknown>>

  constructor(options: SpeechFeatureExtractorOptions = {}, extra: Readonly<Record<string, unknown>> = {}) {
    this.samplingRate = options.samplingRate ?? 16000
    this.doNormalize = options.doNormalize ?? true
    this.paddingValue = options.paddingValue ?? 0
    this.returnAttentionMask = options.returnAttentionMask ?? true
    this.#extra = extra
  }

  /**
   * @param json The contents of `preprocessor_config.json`; absent keys have Hugging Face's defaults.
   * @throws ConfigError for another model's extractor, or a value of the wrong kind.
   */
  static fromJson(json: Readonly<Record<string, unknown>>, file?: string): SpeechFeatureExtractor {
    const type = json.feature_extractor_type
    if (type !== undefined && type !== 'Wav2Vec2FeatureExtractor') {
      throw new ConfigError(`feature_extractor_type is ${JSON.stringify(type)}.`, {
        file,
        field: 'feature_extractor_type',
        cure: 'Only "Wav2Vec2FeatureExtractor" makes waveforms into the input of this model.',
      })
    }
    const {
      sampling_rate: samplingRate = 16000,
      do_normalize: doNormalize = true,
      padding_value: paddingValue = 0,
      return_attention_mask: returnAttentionMask = false,
      ...extra
    } = json
    checkField('sampling_rate', samplingRate, integer(1), file)
    checkField('do_normalize', doNormalize, oneOf(true, false), file)
    checkField('return_attention_mask', returnAttentionMask, oneOf(true, false), file)
    checkField('padding_value', paddingValue, { expected: 'a number', allows: (value) => Number.isFinite(value) }, file)
    const options = {
      samplingRate,
      doNormalize,
      paddingValue,
      returnAttentionMask,
    } as Required<SpeechFeatureExtractorOptions>
    return new SpeechFeatureExtractor(options, extra)
  }

  /** The contents of `preprocessor_config.json`. */
  toJson(): Record<string, unknown> {
    return {
      feature_extractor_type: 'Wav2Vec2FeatureExtractor',
      feature_size: 1,
      padding_side: 'right',
      ...this.#extra,
      do_normalize: this.doNormalize,
      padding_value: this.paddingValue,
      return_attention_mask: this.returnAttentionMask,
      sampling_rate: this.samplingRate,
    }
  }

  /**
   * @param waveforms mono, at `samplingRate`.
   * @throws AudioError for an empty waveform or samples that are not finite; ConfigError for another sampling rate.
   */
  extract(waveforms: readonly Float32Array[], options: ExtractOptions = {}): ExtractedFeatures {
    const { samplingRate = this.samplingRate, statistics = 'valid', files } = options
    if (samplingRate !== this.samplingRate) {
      throw new ConfigError(`the waveforms are at ${samplingRate} Hz, but the model hears ${this.samplingRate} Hz.`, {
        field: 'samplingRate',
        cure: `Resample them: readAudio(path, { sampleRate: ${this.samplingRate} }).`,
      })
    }
    const length = options.length ?? Math.max(0, ...waveforms.map((waveform) => waveform.length))
    const data = new Float32Array(waveforms.length * length).fill(this.paddingValue)
    const mask = new Int32Array(data.length)
    waveforms.forEach((waveform, item) => {
      const file = files?.[item] ?? `waveform ${item}`
      if (waveform.length === 0) throw new AudioError('there are no samples.', { file, cure: 'Leave it out.' })
      if (waveform.length > length) {
        throw new AudioError(`it has ${waveform.length} samples, more than the ${length} of the batch.`, {
          file,
          cure: 'Crop it.',
        })
      }
      const row = data.subarray(item * length, (item + 1) * length)
      row.set(waveform)
      mask.fill(1, item * length, item * length + waveform.length)
      if (this.doNormalize) {
        const part = statistics === 'padded' ? row : row.subarray(0, waveform.length)
        part.set(normalizeWaveform(part, file))
      } else if (!waveform.every(Number.isFinite)) refuseNonFinite(waveform, file)
    })
    const shape = [waveforms.length, length]
    const inputValues = floatArray(data, shape)
    return this.returnAttentionMask ? { inputValues, attentionMask: intArray(mask, shape) } : { inputValues }
  }
}
