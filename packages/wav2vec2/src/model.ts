import { SpeechEncoder } from '@babble/core'
import { type Wav2Vec2Config, wav2vec2Family } from './config'
import { loadFairseq } from './fairseq'
import { checkpointFits, type FromPretrainedOptions } from './interop'

/** wav2vec 2.0's encoder (Baevski et al. 2020, section 2): waveform to contextualised frames. */
export class Wav2Vec2Model extends SpeechEncoder<Wav2Vec2Config> {
  static readonly architecture = 'Wav2Vec2Model'
  static readonly family = wav2vec2Family
  static readonly fit = checkpointFits.Wav2Vec2Model

  /** Loads a checkpoint of fairseq (`.pt`), pre-trained or fine-tuned with CTC; errors are those of `fromPretrained`. */
  static fromFairseq(path: string, options?: FromPretrainedOptions): Promise<Wav2Vec2Model> {
    return loadFairseq(Wav2Vec2Model, path, options)
  }
}
