import {
  buildFrom,
  type FairseqCheckpoint,
  type FairseqProcessorOptions,
  fairseqNames,
  makeFairseqProcessor,
  openFairseqCheckpoint,
  type PretrainedClass,
  type PretrainedModel,
  renameTensors,
  type SpeechProcessor,
  type TensorSource,
  withFeatureProjection,
} from '@babble/core'
import type { Wav2Vec2Config } from './config'
import { readFairseqConfig } from './fairseq-config'
import type { FromPretrainedOptions } from './interop'

/** fairseq's name of a parameter of wav2vec 2.0 as Hugging Face has it, without the prefix of classes with heads. */
export const fairseqParameterName: (name: string) => string = fairseqNames([
  ['quantizer.vars', 'quantizer.codevectors'],
  ['final_proj', 'project_hid'],
])

/** The checkpoint's tensors under our names. */
export const fairseqTensors = (checkpoint: FairseqCheckpoint, { hiddenSize }: Wav2Vec2Config): TensorSource =>
  withFeatureProjection(renameTensors(checkpoint.tensors, fairseqParameterName), hiddenSize)

/** Makes a model of a class from a checkpoint that fairseq saved. */
export const loadFairseq = async <Model extends PretrainedModel<Wav2Vec2Config>>(
  Class: PretrainedClass<Wav2Vec2Config, Model>,
  path: string,
  options: FromPretrainedOptions = {},
): Promise<Model> => {
  await using checkpoint = await openFairseqCheckpoint(path, options)
  const { config } = readFairseqConfig(checkpoint)
  return await buildFrom(Class, fairseqTensors(checkpoint, config), config, options)
}

/**
 * The processor of a model that fairseq fine-tuned with CTC: waveforms normalised as in its training, and its dictionary.
 *
 * @param options.dictionary fairseq's `dict.ltr.txt`; by default the dictionary that newer checkpoints carry.
 * @throws CheckpointError if there is no dictionary, or it does not fit the CTC head.
 */
export const fairseqProcessor = async (
  path: string,
  options: FairseqProcessorOptions = {},
): Promise<SpeechProcessor> => {
  await using checkpoint = await openFairseqCheckpoint(path, options)
  const { config, normalize } = readFairseqConfig(checkpoint)
  return await makeFairseqProcessor(checkpoint, config, normalize, options)
}
