import { ctcHead, Initializer, type Linear, SpeechForCtc } from '@babble/core'
import { type Wav2Vec2Config, wav2vec2Family } from '../config'
import { loadFairseq } from '../fairseq'
import { checkpointFits, type FromPretrainedOptions } from '../interop'
import { Wav2Vec2Model } from '../model'

/**
 * wav2vec 2.0 with a linear layer over its output, for speech recognition with CTC (section 3.3).
 *
 * `fromPretrained` also takes a pre-trained model, whose missing CTC head is then initialised (`loadReport.missing`) and whose
 * quantiser is left out (`loadReport.ignored`).
 */
export class Wav2Vec2ForCTC extends SpeechForCtc<Wav2Vec2Config> {
  static readonly architecture = 'Wav2Vec2ForCTC'
  static readonly family = wav2vec2Family
  static readonly fit = checkpointFits.Wav2Vec2ForCTC
  static readonly headPrefixes = ['lm_head.']

  readonly wav2vec2: Wav2Vec2Model
  readonly lmHead: Linear

  /**
   * @param init Starting values. Default: those of seed 0.
   * @param fresh Those of what a checkpoint may lack, such as the CTC head. Default: `init`.
   */
  constructor(config: Wav2Vec2Config, init: Initializer = new Initializer(0), fresh: Initializer = init) {
    super(config)
    this.wav2vec2 = new Wav2Vec2Model(config, init, fresh)
    this.lmHead = ctcHead(config, fresh)
  }

  protected get encoder(): Wav2Vec2Model {
    return this.wav2vec2
  }

  /**
   * Loads a checkpoint of fairseq (`.pt`): one fine-tuned with CTC, or a pre-trained one, whose missing head is then initialised. Errors
   * are those of `fromPretrained`.
   */
  static fromFairseq(path: string, options?: FromPretrainedOptions): Promise<Wav2Vec2ForCTC> {
    return loadFairseq(Wav2Vec2ForCTC, path, options)
  }
}
