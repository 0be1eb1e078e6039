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
import type { HubertConfig } from './config'
import { readHubertFairseqConfig } from './fairseq-config'
import type { FromPretrainedOptions } from './interop'

/** fairseq's name of a parameter of HuBERT as Hugging Face has it, without the prefix of classes with heads. */
export const hubertFairseqName: (name: string) => string = fairseqNames()

const labelEmbeddings = 'label_embs_concat'
const special = new Set(['<s>', '<pad>', '</s>', '<unk>'])

/**
 * The rows of a label set's embeddings in the order of our classes. fairseq looks labels up in a dictionary, which has four special symbols in front and the clusters' numbers in the
 * order of a file; ours are the numbers themselves, as they stand in the files of labels, so the special rows go to the end. Where symbols are no such numbers, they
 * keep their order.
 *
 * @param symbols The dictionary; without it, it is taken to be in the order of the numbers.
 */
export const rowsOfClasses = (rows: number, symbols?: readonly string[]): number[] => {
  const all = Array.from({ length: rows }, (_, row) => row)
  const isSpecial = (row: number) => (symbols ? special.has(symbols[row]!) : rows > special.size && row < special.size)
  const clusters = all.filter((row) => !isSpecial(row))
  const numbered = new Map(symbols ? clusters.map((row) => [symbols[row]!, row]) : [])
  const inOrder = clusters.map((_, cluster) => numbered.get(String(cluster)))
  return [...(inOrder.every((row) => row !== undefined) ? inOrder : clusters), ...all.filter(isSpecial)]
}

/** The source with the label embeddings of each set in the order of our classes. */
const inOrderOfClasses = (source: TensorSource, order: () => readonly number[]): TensorSource => ({
  path: source.path,
  entries: source.entries,
  read: async (name) => {
    const tensor = await source.read(name)
    if (name !== labelEmbeddings || tensor.data.length === 0) return tensor
    const width = tensor.shape[1]!
    // Of whatever type, its elements are moved as they are.
    const [from, to] = [tensor.data, tensor.data.slice()] as [Float32Array, Float32Array]
    for (const [at, row] of order().entries()) to.set(from.subarray(row * width, (row + 1) * width), at * width)
    return { ...tensor, data: to }
  },
  close: () => source.close(),
  [Symbol.asyncDispose]: () => source.close(),
})

/**
 * The checkpoint's tensors under our names, its label embeddings in the order of our classes.
 *
 * @param config Its `numClasses` say how the embeddings are shared among the label sets.
 */
export const hubertFairseqTensors = (
  checkpoint: FairseqCheckpoint,
  { hiddenSize, numClasses }: HubertConfig,
): TensorSource => {
  const tensors = withFeatureProjection(renameTensors(checkpoint.tensors, hubertFairseqName), hiddenSize)
  const shape = tensors.entries.get(labelEmbeddings)?.shape
  if (shape?.length !== 2 || shape[0] !== numClasses.reduce((sum, count) => sum + count, 0)) return tensors
  return inOrderOfClasses(tensors, () => {
    let first = 0
    return numClasses.flatMap((count, set) => {
      const symbols = checkpoint.dictionaries?.[set]
      const rows = rowsOfClasses(count, symbols?.length === count ? symbols : undefined).map((row) => first + row)
      first += count
      return rows
    })
  })
}

/** Makes a model of a class from a checkpoint that fairseq saved. */
export const loadFairseq = async <Model extends PretrainedModel<HubertConfig>>(
  Class: PretrainedClass<HubertConfig, Model>,
  path: string,
  options: FromPretrainedOptions = {},
): Promise<Model> => {
  await using checkpoint = await openFairseqCheckpoint(path, options)
  const { config } = readHubertFairseqConfig(checkpoint)
  const numClasses = options.config?.numClasses ?? config.numClasses
  return await buildFrom(Class, hubertFairseqTensors(checkpoint, { ...config, numClasses }), config, options)
}

/**
 * The processor of a model that fairseq fine-tuned with CTC: waveforms normalised as in its training, and its dictionary.
 *
 * @param options.dictionary fairseq's `dict.ltr.txt`; by default the dictionary that the checkpoint carries.
 * @throws CheckpointError if there is no dictionary, or it does not fit the CTC head.
 */
export const hubertFairseqProcessor = async (
  path: string,
  options: FairseqProcessorOptions = {},
): Promise<SpeechProcessor> => {
  await using checkpoint = await openFairseqCheckpoint(path, options)
  const { config, normalize } = readHubertFairseqConfig(checkpoint)
  return await makeFairseqProcessor(checkpoint, config, normalize, options)
}
