import { openModelDirectory, type TorchFileOptions, writeModelDirectory } from '../checkpoint/index'
import { type Initializer, Module } from '../nn/index'
import { buildFrom } from './build-from'
import type { CheckpointFit, LoadReport } from './load-tensors'
import { modelTensors, type SavedDtype } from './model-tensors'

export interface FromPretrainedOptions<Config> extends TorchFileOptions {
  /** Fields in place of those of `config.json`, such as dropouts for fine-tuning, or `vocabSize` for a new CTC head. */
  readonly config?: Partial<Config>
  /** Leave out the checkpoint's head and make a new one, for another vocabulary. Default false. */
  readonly newHead?: boolean
  /** Seed for the parameters that the checkpoint lacks. Default 0. */
  readonly seed?: number
}

export interface SavePretrainedOptions {
  /** A processor, whose files are written along with the model. */
  readonly processor?: { files(): Readonly<Record<string, string | Uint8Array>> }
  /** Precision of the parameters in the file. Default `float32`; the others round to the nearest value. */
  readonly dtype?: SavedDtype
  /** Larger models are written as shards of at most this size: bytes, or text such as `5GB`. Default `50GB`. */
  readonly maxShardSize?: number | string
}

/** What a model package says of its configuration. */
export interface ModelFamily<Config> {
  /** Reads the contents of `config.json`. @throws ConfigError */
  readonly readConfig: (json: Readonly<Record<string, unknown>>, file?: string) => Config
  /** The contents of `config.json`, in which Transformers finds the same model. */
  readonly writeConfig: (config: Config, architecture: string) => Record<string, unknown>
  /** A configuration with some fields replaced. @throws ConfigError */
  readonly override: (config: Config, fields: Partial<Config>) => Config
}

/** A class of models that are loaded and saved: what {@link PretrainedModel} needs of its subclasses' static side. */
export interface PretrainedClass<Config, Model> {
  /** @param fresh starting values of what a checkpoint may lack. */
  new (config: Config, init?: Initializer, fresh?: Initializer): Model
  /** The class's name in `config.json`. */
  readonly architecture: string
  readonly family: ModelFamily<Config>
  readonly fit: CheckpointFit
  /** Prefixes of the parameters that `newHead` replaces. */
  readonly headPrefixes?: readonly string[]
}

/** What all such classes are, whatever their configurations. */
export interface AnyPretrainedClass {
  new (config: never, init?: Initializer, fresh?: Initializer): PretrainedModel<unknown>
  readonly architecture: string
  readonly fit: CheckpointFit
}

type ConfigOf<Class extends AnyPretrainedClass> = InstanceType<Class>['config']

/**
 * A model that is loaded from and saved as a Hugging Face directory. A subclass has a constructor `(config, init, fresh)` and says in
 * static properties (see {@link PretrainedClass}) what it is called, how its configuration is read and how it takes checkpoints.
 */
export abstract class PretrainedModel<Config> extends Module {
  abstract readonly config: Config
  /** What loading a checkpoint left over; empty for a new model. */
  loadReport: LoadReport = { missing: [], ignored: [] }

  /**
   * Loads a Hugging Face model directory: `model.safetensors`, its shards, or `pytorch_model.bin` (read without running anything in
   * it), of this class or a sister class, with weight norm's old or new names. Tensors are read one by one, in any precision.
   *
   * @throws CheckpointError listing every tensor that is missing, left over or mis-shaped; ConfigError for a bad `config.json`.
   */
  static async fromPretrained<Class extends AnyPretrainedClass>(
    this: Class,
    dir: string,
    options: FromPretrainedOptions<ConfigOf<Class>> = {},
  ): Promise<InstanceType<Class>> {
    // biome-ignore lint/complexity/noThisInStatic: it is the subclass that is loaded.
    const subclass = this as unknown as PretrainedClass<ConfigOf<Class>, InstanceType<Class>>
    await using directory = await openModelDirectory(dir, options)
    const stored = subclass.family.readConfig(directory.config, `${dir}/config.json`)
    return await buildFrom(subclass, directory.tensors, stored, options)
  }

  /**
   * Writes `config.json` and `model.safetensors` (or shards), which Hugging Face Transformers loads, and a processor's files. Tensors
   * are fetched from the engine and written one by one; the directory is replaced as a whole.
   *
   * @throws CheckpointError if something cannot be written.
   */
  async savePretrained(dir: string, options: SavePretrainedOptions = {}): Promise<void> {
    const { architecture, family } = this.constructor as unknown as PretrainedClass<Config, this>
    const { dtype = 'float32', processor, maxShardSize } = options
    const config = family.writeConfig(this.config, architecture)
    // Transformers 4 calls it torch_dtype.
    for (const key of ['dtype', 'torch_dtype']) if (key in config) config[key] = dtype
    if (dtype !== 'float32') config.dtype = dtype
    await writeModelDirectory(dir, {
      config,
      tensors: modelTensors(this, dtype),
      extraFiles: processor?.files() ?? {},
      ...(maxShardSize === undefined ? {} : { maxShardSize }),
    })
  }
}
