import {
  CheckpointError,
  fromFloat32,
  type HostTensor,
  type Module,
  readModelDirectory,
  writeModelDirectory,
} from '@babble/core'
import { readWav2Vec2Config, type Wav2Vec2Config, wav2vec2Config, writeWav2Vec2Config } from './config'
import type { Wav2Vec2Processor } from './processor'

/** What became of a checkpoint's tensors that had no place in the model, or the other way round. */
export interface LoadReport {
  /** Parameters that the checkpoint lacks; they were initialised. */
  readonly missing: readonly string[]
  /** Tensors of the checkpoint that the model has no use for. */
  readonly ignored: readonly string[]
}

export interface FromPretrainedOptions {
  /** Fields in place of those of `config.json`, such as dropouts for fine-tuning, or `vocabSize` for a new CTC head. */
  readonly config?: Partial<Wav2Vec2Config>
  /** Leave out the checkpoint's CTC head and make a new one, for another vocabulary. Default false. */
  readonly newHead?: boolean
  /** Seed for the parameters that the checkpoint lacks. Default 0. */
  readonly seed?: number
}

export interface SavePretrainedOptions {
  /** Written along with the model. */
  readonly processor?: Wav2Vec2Processor
}

/** How a class takes checkpoints of its sister classes. */
export interface CheckpointFit {
  /** Whether the class holds the encoder as `wav2vec2`, so that its names have that prefix. */
  readonly prefixed: boolean
  /** Prefixes of parameters that may be missing: they are initialised. */
  readonly initialised: readonly string[]
  /** Prefixes of a checkpoint's tensors that may be left over. */
  readonly ignored: readonly string[]
}

const prefix = 'wav2vec2.'
/** Prefixes of what stands beside the encoder in a checkpoint. */
const headPrefixes = [
  'quantizer.',
  'project_hid.',
  'project_q.',
  'lm_head.',
  'projector.',
  'classifier.',
  'layer_weights',
]

/** Part of a model only where its configuration masks; a checkpoint may have been saved with the other setting. */
const maskEmbedding = 'masked_spec_embed'

/** How each class takes checkpoints. */
export const checkpointFits = {
  Wav2Vec2Model: { prefixed: false, initialised: [maskEmbedding], ignored: [...headPrefixes, maskEmbedding] },
  Wav2Vec2ForPreTraining: { prefixed: true, initialised: [prefix + maskEmbedding], ignored: [prefix + maskEmbedding] },
  Wav2Vec2ForCTC: {
    prefixed: true,
    initialised: ['lm_head.', prefix + maskEmbedding],
    ignored: ['quantizer.', 'project_hid.', 'project_q.', prefix + maskEmbedding],
  },
} satisfies Record<string, CheckpointFit>

const startsWithAny = (name: string, prefixes: readonly string[]) => prefixes.some((start) => name.startsWith(start))

/**
 * A checkpoint's tensors under the names of a class: weight norm's older names `weight_g` and `weight_v` become those of today, and
 * the `wav2vec2.` prefix comes or goes.
 */
export const adaptTensorNames = (
  tensors: ReadonlyMap<string, HostTensor>,
  prefixed: boolean,
): Map<string, HostTensor> => {
  const adapted = new Map<string, HostTensor>()
  for (const [name, tensor] of tensors) {
    const current = name
      .replace(/\bconv\.weight_g$/, 'conv.parametrizations.weight.original0')
      .replace(/\bconv\.weight_v$/, 'conv.parametrizations.weight.original1')
    const bare = current.startsWith(prefix) ? current.slice(prefix.length) : current
    adapted.set(prefixed && !startsWithAny(bare, headPrefixes) ? prefix + bare : bare, tensor)
  }
  return adapted
}

const shapeText = (shape: readonly number[]) => `[${shape.join(', ')}]`

/**
 * Loads a checkpoint into a model whose parameters are initialised where `fit` lets them be missing.
 *
 * @throws CheckpointError listing every other parameter that is missing, left over or of another shape.
 */
export const loadTensors = (
  model: Module,
  checkpoint: ReadonlyMap<string, HostTensor>,
  fit: CheckpointFit,
  file: string,
): LoadReport => {
  const tensors = adaptTensorNames(checkpoint, fit.prefixed)
  const parameters = model.namedParameters()
  const unknown = [...tensors.keys()].filter((name) => !parameters.has(name))
  const ignored = unknown.filter((name) => startsWithAny(name, fit.ignored))
  const unexpected = unknown.filter((name) => !ignored.includes(name))
  const absent = [...parameters.keys()].filter((name) => !tensors.has(name))
  const initialised = absent.filter((name) => startsWithAny(name, fit.initialised))
  const missing = absent.filter((name) => !initialised.includes(name))
  const misshapen = [...parameters].flatMap(([name, { shape }]) => {
    const found = tensors.get(name)?.shape
    return found && shapeText(found) !== shapeText(shape)
      ? [`${name} (${shapeText(found)}, not ${shapeText(shape)})`]
      : []
  })
  const problems = [
    missing.length > 0 ? `it lacks ${missing.join(', ')}` : '',
    unexpected.length > 0
      ? `it holds ${unexpected.map((name) => `${name} ${shapeText(tensors.get(name)!.shape)}`).join(', ')}, which the model has no place for`
      : '',
    misshapen.length > 0 ? `shapes differ: ${misshapen.join(', ')}` : '',
  ].filter(Boolean)
  if (problems.length > 0) {
    const head = misshapen.some((text) => text.startsWith('lm_head.'))
    throw new CheckpointError(`the checkpoint does not fit its configuration: ${problems.join('; ')}.`, {
      file,
      cure: head
        ? 'For another vocabulary, load it with { newHead: true }.'
        : 'Check that config.json belongs to these weights.',
    })
  }
  for (const name of ignored) tensors.delete(name)
  for (const name of initialised) {
    const variable = parameters.get(name)!
    tensors.set(name, fromFloat32(Float32Array.from(variable.dataSync()), variable.shape))
  }
  model.loadStateDict(tensors, { file })
  return { missing: initialised, ignored }
}

/** Reads a model directory and hands its configuration to `build`; then fills in the parameters. */
export const loadPretrained = async <M extends Module>(
  dir: string,
  options: FromPretrainedOptions,
  fit: CheckpointFit,
  build: (config: Wav2Vec2Config) => M,
): Promise<{ model: M; report: LoadReport }> => {
  const { config: json, tensors } = await readModelDirectory(dir)
  const stored = readWav2Vec2Config(json, `${dir}/config.json`)
  const config = options.config ? wav2vec2Config({ ...stored, ...options.config }) : stored
  const wanted = options.newHead ? new Map([...tensors].filter(([name]) => !name.startsWith('lm_head.'))) : tensors
  const model = build(config)
  try {
    return { model, report: loadTensors(model, wanted, fit, dir) }
  } catch (error) {
    model.dispose()
    throw error
  }
}

/** Keys that Transformers takes for mistyped when they are written without a decimal point. */
const floatKeys = ['contrastive_logits_temperature', 'diversity_loss_weight', 'initializer_range', 'layer_norm_eps']

/** What `JSON.stringify` writes with a decimal point: 1 as `1.0`. */
const asFloat = (value: number): unknown => {
  const { rawJSON } = JSON as { rawJSON?: (text: string) => unknown }
  return Number.isInteger(value) && rawJSON ? rawJSON(`${value}.0`) : value
}

/** Writes `config.json` and `model.safetensors` (float32) into `dir`, and the processor's files. */
export const savePretrained = async (
  model: Module,
  config: Wav2Vec2Config,
  architecture: keyof typeof checkpointFits,
  dir: string,
  options: SavePretrainedOptions = {},
): Promise<void> => {
  const tensors: [string, HostTensor][] = []
  for (const [name, tensor] of model.stateDict()) {
    tensors.push([name, fromFloat32((await tensor.data()) as Float32Array, tensor.shape)])
  }
  const json = writeWav2Vec2Config(config, architecture)
  for (const key of ['dtype', 'torch_dtype']) if (key in json) json[key] = 'float32'
  for (const key of floatKeys) json[key] = asFloat(json[key] as number)
  await writeModelDirectory(dir, { config: json, tensors, extraFiles: options.processor?.files() ?? {} })
}
