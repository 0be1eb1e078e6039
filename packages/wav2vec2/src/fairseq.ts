import { readFile } from 'node:fs/promises'
import {
  addTensors,
  buildFrom,
  CheckpointError,
  type FairseqCheckpoint,
  fairseqSpeechEncoderRules,
  fromFloat32,
  type HostTensor,
  nameMap,
  openFairseqCheckpoint,
  type PretrainedClass,
  type PretrainedModel,
  renameTensors,
  type TensorSource,
  type TorchFileOptions,
} from '@babble/core'
import type { Wav2Vec2Config } from './config'
import { readFairseqConfig } from './fairseq-config'
import { Wav2Vec2FeatureExtractor } from './feature-extractor'
import type { FromPretrainedOptions } from './interop'
import { Wav2Vec2Processor } from './processor'
import { Wav2Vec2CtcTokenizer } from './tokenizer'

const toOurName = nameMap([
  ...fairseqSpeechEncoderRules,
  ['quantizer.vars', 'quantizer.codevectors'],
  ['final_proj', 'project_hid'],
])

/** fairseq's name of a parameter of wav2vec 2.0 as Hugging Face has it, without the prefix of classes with heads. */
export const fairseqParameterName = (name: string): string => {
  if (name.startsWith('w2v_encoder.proj.')) return name.replace('w2v_encoder.proj.', 'lm_head.')
  return toOurName(name.replace(/^w2v_encoder\.w2v_model\./, ''))
}

/** The checkpoint's tensors under our names. Where features are as wide as the Transformer, fairseq has no projection: it is the identity. */
export const fairseqTensors = (checkpoint: FairseqCheckpoint, { hiddenSize }: Wav2Vec2Config): TensorSource => {
  const tensors = renameTensors(checkpoint.tensors, fairseqParameterName)
  const projection = 'feature_projection.projection'
  if (tensors.entries.has(`${projection}.weight`)) return tensors
  const identity = new Float32Array(hiddenSize * hiddenSize)
  for (let i = 0; i < hiddenSize; i++) identity[i * (hiddenSize + 1)] = 1
  return addTensors(
    tensors,
    new Map<string, HostTensor>([
      [`${projection}.weight`, fromFloat32(identity, [hiddenSize, hiddenSize])],
      [`${projection}.bias`, fromFloat32(new Float32Array(hiddenSize), [hiddenSize])],
    ]),
  )
}

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

/** Where the special symbols of fairseq's dictionaries are in Hugging Face's vocabularies: blank and padding have changed places. */
const special = new Map([
  ['<s>', '<pad>'],
  ['<pad>', '<s>'],
])

/**
 * The processor of a model that fairseq fine-tuned with CTC: waveforms normalised as in its training, and its dictionary.
 *
 * @param options.dictionary fairseq's `dict.ltr.txt`; by default the dictionary that newer checkpoints carry.
 * @throws CheckpointError if there is no dictionary, or it does not fit the CTC head.
 */
export const fairseqProcessor = async (
  path: string,
  options: TorchFileOptions & { readonly dictionary?: string } = {},
): Promise<Wav2Vec2Processor> => {
  await using checkpoint = await openFairseqCheckpoint(path, options)
  const { config, normalize } = readFairseqConfig(checkpoint)
  const symbols = options.dictionary ? await readDictionary(options.dictionary) : checkpoint.dictionary
  const file = options.dictionary ?? path
  if (!symbols) {
    throw new CheckpointError('it carries no dictionary.', {
      file,
      field: 'task_state',
      cure: 'Name the dict.ltr.txt that it was trained with as { dictionary }.',
    })
  }
  if (symbols.length !== config.vocabSize) {
    throw new CheckpointError(`the dictionary has ${symbols.length} symbols, the CTC head ${config.vocabSize}.`, {
      file,
      field: 'dictionary',
      cure: 'Use the dictionary that the checkpoint was trained with.',
    })
  }
  const vocab = new Map(symbols.map((symbol, id) => [special.get(symbol) ?? symbol, id]))
  return new Wav2Vec2Processor(
    new Wav2Vec2FeatureExtractor({ doNormalize: normalize, returnAttentionMask: config.featExtractNorm === 'layer' }),
    new Wav2Vec2CtcTokenizer(vocab),
  )
}

/** Symbols of a dictionary file: one a line with its count, after the four that fairseq adds. */
const readDictionary = async (file: string): Promise<string[]> => {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new CheckpointError('the dictionary cannot be read.', { file, cause, cure: 'Check the path.' })
  })
  const symbols = text.split(/\r?\n/).filter(Boolean)
  return [
    ...['<s>', '<pad>', '</s>', '<unk>'],
    ...symbols.map((line) => line.replace(/ #fairseq:overwrite$/, '').replace(/ \d+$/, '')),
  ]
}
