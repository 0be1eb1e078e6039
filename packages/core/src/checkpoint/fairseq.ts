import { CheckpointError } from '../errors'
import type { TensorSource } from './tensor-source'
import { type PickleValue, TorchFile, type TorchFileOptions, toPlain } from './torch/index'

/** A fairseq checkpoint: the model's tensors under fairseq's names, and how it was made. */
export interface FairseqCheckpoint extends AsyncDisposable {
  readonly path: string
  /**
   * Settings of the model, with those of the task and criterion under `task` and `criterion`, as plain data. Newer checkpoints have them
   * in groups (`cfg`), older ones in one namespace (`args`), which is then each of the three.
   */
  readonly settings: {
    readonly model: FairseqSettings
    readonly task: FairseqSettings
    readonly criterion: FairseqSettings
  }
  readonly tensors: TensorSource
  /** Symbols of the dictionary that the checkpoint carries (`task_state`), in the order of their ids. */
  readonly dictionary: readonly string[] | undefined
  /** The same of each label set that HuBERT was pre-trained on. */
  readonly dictionaries: readonly (readonly string[])[] | undefined
  /** All but the tensors, as PyTorch's file has it. */
  readonly value: ReadonlyMap<PickleValue, PickleValue>
}

export type FairseqSettings = Readonly<Record<string, unknown>>

/**
 * Opens a checkpoint that fairseq wrote. Its classes are read as inert records; nothing of fairseq is needed.
 *
 * @throws TorchFileError for a damaged or hostile file; CheckpointError for one that is not fairseq's.
 */
export const openFairseqCheckpoint = async (
  path: string,
  options: TorchFileOptions = {},
): Promise<FairseqCheckpoint> => {
  const file = await TorchFile.open(path, options)
  try {
    const { value } = file
    if (!(value instanceof Map) || !(value.get('model') instanceof Map)) {
      throw new CheckpointError('It is no checkpoint of fairseq: it has no model.', {
        file: path,
        field: 'model',
        cure: 'A state dict alone is loaded from a directory with its config.json, as pytorch_model.bin.',
      })
    }
    const close = () => file.close()
    return {
      path,
      settings: settings(value.get('cfg') ?? null, value.get('args') ?? null, path),
      tensors: file.tensors(['model']),
      ...dictionariesOf(value.get('task_state') ?? null, path),
      value,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const settings = (cfg: PickleValue, args: PickleValue, file: string): FairseqCheckpoint['settings'] => {
  const groups = cfg === null ? undefined : toPlain(cfg, file)
  return fairseqGroups(isObject(groups) ? groups : args === null ? undefined : toPlain(args, file), file)
}

/**
 * The groups of a run's settings, with references between them (`${task.normalize}`) resolved; the older namespace is each of its groups.
 * Also for the settings of the pre-trained model in those of a fine-tuned one (`w2v_args`).
 *
 * @throws CheckpointError if they are none.
 */
export const fairseqGroups = (settings: unknown, file?: string): FairseqCheckpoint['settings'] => {
  if (!isObject(settings)) {
    throw new CheckpointError('It says nothing of how the model was made: it has neither cfg nor args.', {
      file: file!,
      field: 'cfg',
      cure: 'Use a checkpoint as fairseq saved it.',
    })
  }
  if (!isObject(settings.model)) return { model: settings, task: settings, criterion: settings }
  const group = (name: string) => resolve(isObject(settings[name]) ? settings[name] : {}, settings)
  return { model: group('model'), task: group('task'), criterion: group('criterion') }
}

/** A group whose values `${group.key}` are what they refer to; `???` (never set) is left out. */
const resolve = (group: Record<string, unknown>, all: Record<string, unknown>): FairseqSettings => {
  const out: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(group)) {
    let found: unknown = value
    // A reference may lead to another; a few steps are more than any recipe has.
    for (let step = 0; step < 8 && typeof found === 'string'; step++) {
      const path = /^\$\{([\w.]+)\}$/.exec(found)?.[1]
      if (path === undefined) break
      found = path.split('.').reduce<unknown>((at, part) => (isObject(at) ? at[part] : undefined), all)
    }
    if (found !== '???' && found !== undefined) out[key] = found
  }
  return out
}

const dictionariesOf = (
  taskState: PickleValue,
  file: string,
): Pick<FairseqCheckpoint, 'dictionary' | 'dictionaries'> => {
  const plain = toPlain(taskState, file)
  const { target_dictionary: target, dictionaries: sets } = isObject(plain) ? plain : {}
  const each = Array.isArray(sets) ? sets.map(symbolsOf) : []
  const known = each.filter((symbols) => symbols !== undefined)
  return {
    dictionary: symbolsOf(target),
    dictionaries: known.length > 0 && known.length === each.length ? known : undefined,
  }
}

const symbolsOf = (dictionary: unknown): readonly string[] | undefined => {
  const symbols = isObject(dictionary) ? dictionary.symbols : undefined
  return Array.isArray(symbols) && symbols.every((symbol) => typeof symbol === 'string') ? symbols : undefined
}
