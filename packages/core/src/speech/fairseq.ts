import { readFile } from 'node:fs/promises'
import {
  addTensors,
  type FairseqCheckpoint,
  fairseqSpeechEncoderRules,
  fromFloat32,
  type HostTensor,
  type NameRule,
  nameMap,
  type TensorSource,
  type TorchFileOptions,
} from '../checkpoint/index'
import { CheckpointError } from '../errors'
import { CtcTokenizer } from './ctc-tokenizer'
import { SpeechFeatureExtractor } from './feature-extractor'
import type { SpeechEncoderConfig } from './speech-encoder-config'
import { SpeechProcessor } from './speech-processor'

/**
 * What maps fairseq's name of a parameter to Hugging Face's, without the prefix of classes with heads, for a model on this encoder.
 *
 * @param heads Names of its own heads.
 */
export const fairseqNames = (heads: readonly NameRule[] = []): ((name: string) => string) => {
  const toOurName = nameMap([...fairseqSpeechEncoderRules, ...heads])
  return (name) => {
    if (name.startsWith('w2v_encoder.proj.')) return name.replace('w2v_encoder.proj.', 'lm_head.')
    return toOurName(name.replace(/^w2v_encoder\.w2v_model\./, ''))
  }
}

/** Where features are as wide as the Transformer, fairseq has no projection: then the identity is added. Names are without a prefix. */
export const withFeatureProjection = (tensors: TensorSource, hiddenSize: number): TensorSource => {
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

export interface FairseqProcessorOptions extends TorchFileOptions {
  /** fairseq's `dict.ltr.txt`. Default: the dictionary that newer checkpoints carry. */
  readonly dictionary?: string
}

/** Where the special symbols of fairseq's dictionaries are in Hugging Face's vocabularies: blank and padding have changed places. */
const special = new Map([
  ['<s>', '<pad>'],
  ['<pad>', '<s>'],
])

/**
 * The processor of a model that fairseq fine-tuned with CTC.
 *
 * @param normalize Whether waveforms are normalised, as the checkpoint says.
 * @throws CheckpointError if there is no dictionary, or it does not fit the CTC head.
 */
export const makeFairseqProcessor = async (
  checkpoint: FairseqCheckpoint,
  config: SpeechEncoderConfig,
  normalize: boolean,
  { dictionary }: FairseqProcessorOptions = {},
): Promise<SpeechProcessor> => {
  const symbols = dictionary ? await readDictionary(dictionary) : checkpoint.dictionary
  const file = dictionary ?? checkpoint.path
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
  return new SpeechProcessor(
    new SpeechFeatureExtractor({ doNormalize: normalize, returnAttentionMask: config.featExtractNorm === 'layer' }),
    new CtcTokenizer(vocab),
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
