import { SpeechEncoder } from '@babble/core'
import { type HubertConfig, hubertFamily } from './config'
import { loadFairseq } from './fairseq'
import { checkpointFits, type FromPretrainedOptions } from './interop'

/** HuBERT's encoder (Hsu et al. 2021, section II-C), which is that of wav2vec 2.0: waveform to contextualised frames. */
export class HubertModel extends SpeechEncoder<HubertConfig> {
  static readonly architecture = 'HubertModel'
  static readonly family = hubertFamily
  static readonly fit = checkpointFits.HubertModel

  /** Loads a checkpoint of fairseq (`.pt`), pre-trained or fine-tuned with CTC; errors are those of `fromPretrained`. */
  static fromFairseq(path: string, options?: FromPretrainedOptions): Promise<HubertModel> {
    return loadFairseq(HubertModel, path, options)
  }
}
