import { Initializer, SpeechForSequenceClassification } from '@babble/core'
import { type HubertConfig, hubertFamily } from '../config'
import { loadFairseq } from '../fairseq'
import { checkpointFits, type FromPretrainedOptions } from '../interop'
import { HubertModel } from '../model'

/** HuBERT that says which class a whole utterance is of: see `SpeechForSequenceClassification`. */
export class HubertForSequenceClassification extends SpeechForSequenceClassification<HubertConfig> {
  static readonly architecture = 'HubertForSequenceClassification'
  static readonly family = hubertFamily
  static readonly fit = checkpointFits.HubertForSequenceClassification
  static readonly headPrefixes = ['projector.', 'classifier.', 'layer_weights']

  readonly hubert: HubertModel

  /**
   * @param init Starting values. Default: those of seed 0.
   * @param fresh Those of what a checkpoint may lack, such as the head. Default: `init`.
   */
  constructor(config: HubertConfig, init: Initializer = new Initializer(0), fresh: Initializer = init) {
    super(config, fresh)
    this.hubert = new HubertModel(config, init, fresh)
  }

  protected get encoder(): HubertModel {
    return this.hubert
  }

  /** Loads a pre-trained checkpoint of fairseq (`.pt`), with a new head; errors are those of `fromPretrained`. */
  static fromFairseq(path: string, options?: FromPretrainedOptions): Promise<HubertForSequenceClassification> {
    return loadFairseq(HubertForSequenceClassification, path, options)
  }
}
