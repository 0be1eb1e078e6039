import { ctcHead, Initializer, type Linear, SpeechForCtc } from '@babble/core'
import { type HubertConfig, hubertFamily } from '../config'
import { loadFairseq } from '../fairseq'
import { checkpointFits, type FromPretrainedOptions } from '../interop'
import { HubertModel } from '../model'

/**
 * HuBERT with a linear layer over its output, for speech recognition with CTC (section III-D).
 *
 * `fromPretrained` also takes a pre-trained model, whose missing CTC head is then initialised (`loadReport.missing`) and whose
 * cluster prediction is left out (`loadReport.ignored`).
 */
export class HubertForCTC extends SpeechForCtc<HubertConfig> {
  static readonly architecture = 'HubertForCTC'
  static readonly family = hubertFamily
  static readonly fit = checkpointFits.HubertForCTC
  static readonly headPrefixes = ['lm_head.']

  readonly hubert: HubertModel
  readonly lmHead: Linear

  /**
   * @param init Starting values. Default: those of seed 0.
   * @param fresh Those of what a checkpoint may lack, such as the CTC head. Default: `init`.
   */
  constructor(config: HubertConfig, init: Initializer = new Initializer(0), fresh: Initializer = init) {
    super(config)
    this.hubert = new HubertModel(config, init, fresh)
    this.lmHead = ctcHead(config, fresh)
  }

  protected get encoder(): HubertModel {
    return this.hubert
  }

  /**
   * Loads a checkpoint of fairseq (`.pt`): one fine-tuned with CTC, or a pre-trained one, whose missing head is then initialised. Errors
   * are those of `fromPretrained`.
   */
  static fromFairseq(path: string, options?: FromPretrainedOptions): Promise<HubertForCTC> {
    return loadFairseq(HubertForCTC, path, options)
  }
}
