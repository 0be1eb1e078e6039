import { Initializer, SpeechForSequenceClassification } from '@babble/core'
import { type Wav2Vec2Config, wav2vec2Family } from '../config'
import { loadFairseq } from '../fairseq'
import { checkpointFits, type FromPretrainedOptions } from '../interop'
import { Wav2Vec2Model } from '../model'

/** wav2vec 2.0 that says which class a whole utterance is of: see `SpeechForSequenceClassification`. */
export class Wav2Vec2ForSequenceClassification extends SpeechForSequenceClassification<Wav2Vec2Config> {
  static readonly architecture = 'Wav2Vec2ForSequenceClassification'
  static readonly family = wav2vec2Family
  static readonly fit = checkpointFits.Wav2Vec2ForSequenceClassification
  static readonly headPrefixes = ['projector.', 'classifier.', 'layer_weights']

  readonly wav2vec2: Wav2Vec2Model

  /**
   * @param init Starting values. Default: those of seed 0.
   * @param fresh Those of what a checkpoint may lack, such as the head. Default: `init`.
   */
  constructor(config: Wav2Vec2Config, init: Initializer = new Initializer(0), fresh: Initializer = init) {
    super(config, fresh)
    this.wav2vec2 = new Wav2Vec2Model(config, init, fresh)
  }

  protected get encoder(): Wav2Vec2Model {
    return this.wav2vec2
  }

  /** Loads a pre-trained checkpoint of fairseq (`.pt`), with a new head; errors are those of `fromPretrained`. */
  static fromFairseq(path: string, options?: FromPretrainedOptions): Promise<Wav2Vec2ForSequenceClassification> {
    return loadFairseq(Wav2Vec2ForSequenceClassification, path, options)
  }
}
