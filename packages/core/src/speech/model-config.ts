import { isDeepStrictEqual } from 'node:util'
import { ConfigError } from '../errors'
import type { ModelFamily } from '../pretrained/index'
import { classLabelKeys, readClassLabels, writeClassLabels } from './class-labels'
import { checkField, type FieldRule } from './config-rules'

/** What each of a configuration's required fields may hold; `extra` is anything. */
export type ConfigRules<Config> = {
  readonly [Field in Exclude<RequiredFields<Config>, 'extra'>]: FieldRule
} & { readonly [Field in keyof Config]?: FieldRule }

type RequiredFields<T> = { [K in keyof T]-?: object extends Pick<T, K> ? never : K }[keyof T]

/** @throws ConfigError naming the file, if there is one. */
export type Refuse = (field: string, message: string, cure: string) => never

export interface ModelConfigOptions<Config> {
  /** `model_type` in `config.json`: `hubert`. */
  readonly modelType: string
  readonly rules: ConfigRules<Config>
  /** What Hugging Face assumes for absent keys. */
  readonly defaults: Config
  /** Fields that are not written where they have these values, as Hugging Face does not know them. */
  readonly unwritten?: Readonly<Record<string, unknown>>
  /** Keys of `config.json` that must not be set, with what they ask for: parts that are not built. */
  readonly notBuilt?: Readonly<Record<string, string>>
  /** Keys that Transformers takes for mistyped when they are written without a decimal point. */
  readonly floatKeys?: readonly string[]
  /** Refuses fields that do not go together. */
  readonly check: (config: Config, refuse: Refuse) => void
}

/** How a model's configuration is made, read and written. */
export interface ModelConfig<Config> {
  /** The configuration itself, frozen. @throws ConfigError naming the field and what to do. */
  readonly checked: (config: Config, file?: string) => Config
  /**
   * Reads the contents of a `config.json`. Keys that mean nothing here are kept in `extra`.
   *
   * @param file named in errors.
   * @throws ConfigError for values out of range and for parts that are not built.
   */
  readonly read: (json: Readonly<Record<string, unknown>>, file?: string) => Config
  /**
   * The contents of `config.json`, in which Hugging Face Transformers finds the same model. Keys that were read and not understood are
   * as they were.
   *
   * @param architecture the class to be named in it, such as `HubertForCTC`.
   */
  readonly write: (config: Config, architecture?: string) => Record<string, unknown>
  /** For {@link PretrainedModel}'s static side. */
  readonly family: ModelFamily<Config>
}

/** Makes a model's configuration from its fields' rules. */
export const modelConfig = <Config extends { readonly extra: Readonly<Record<string, unknown>> }>(
  options: ModelConfigOptions<Config>,
): ModelConfig<Config> => {
  const { modelType, defaults, unwritten = {}, notBuilt = {}, floatKeys = [], check } = options
  const rules = options.rules as Readonly<Record<string, FieldRule>>
  const labelled = 'id2label' in rules
  const fieldOf = new Map(Object.keys(rules).map((field) => [jsonKey(field), field]))

  const checked = (config: Config, file?: string): Config => {
    for (const [field, value] of Object.entries(config)) {
      if (field === 'extra') continue
      const rule = rules[field]
      if (!rule) {
        throw new ConfigError(`there is no field "${field}".`, {
          file,
          field,
          cure: `Fields are ${Object.keys(rules).join(', ')}.`,
        })
      }
      checkField(field, value, rule, file)
    }
    check(config, (field, message, cure) => {
      throw new ConfigError(message, { file, field, cure })
    })
    return Object.freeze({ ...config })
  }

  const read = (json: Readonly<Record<string, unknown>>, file?: string): Config => {
    const type = json.model_type
    if (type !== undefined && type !== modelType) {
      throw new ConfigError(`model_type is ${JSON.stringify(type)}, not "${modelType}".`, {
        file,
        field: 'model_type',
        cure: 'Load the directory with the package of that model.',
      })
    }
    for (const [key, part] of Object.entries(notBuilt)) {
      if (!json[key]) continue
      throw new ConfigError(`${key} is ${JSON.stringify(json[key])}, but ${part} are not built.`, {
        file,
        field: key,
        cure: `Use a checkpoint without ${part}.`,
      })
    }
    const fields: Record<string, unknown> = {}
    const extra: Record<string, unknown> = {}
    const labels = labelled ? readClassLabels(json, file) : undefined
    if (labels) fields.id2label = labels
    for (const [key, value] of Object.entries(json)) {
      if (labelled && classLabelKeys.has(key)) continue
      const field = fieldOf.get(key)
      if (field === undefined) extra[key] = value
      else fields[field] = value
    }
    return checked({ ...defaults, ...fields, extra }, file)
  }

  const write = (config: Config, architecture?: string): Record<string, unknown> => {
    const { extra, ...fields } = config
    const json: Record<string, unknown> = { ...extra }
    for (const [field, value] of Object.entries(fields)) {
      if (field in unwritten && isDeepStrictEqual(unwritten[field], value)) continue
      if (field === 'id2label') Object.assign(json, writeClassLabels(value as readonly string[]))
      else json[jsonKey(field)] = value
    }
    json.model_type = modelType
    if ('convDim' in fields) json.num_feat_extract_layers = (fields.convDim as readonly number[]).length
    if (architecture !== undefined) json.architectures = [architecture]
    return Object.fromEntries(Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  return {
    checked,
    read,
    write,
    family: {
      readConfig: read,
      writeConfig: (config, architecture) => {
        const json = write(config, architecture)
        for (const key of floatKeys) if (typeof json[key] === 'number') json[key] = asFloat(json[key])
        return json
      },
      override: (config, fields) => checked({ ...config, ...fields }),
    },
  }
}

/** `maskTimeProb` -> `mask_time_prob`. */
const jsonKey = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** What `JSON.stringify` writes with a decimal point: 1 as `1.0`. */
const asFloat = (value: number): unknown => {
  const { rawJSON } = JSON as { rawJSON?: (text: string) => unknown }
  return Number.isInteger(value) && rawJSON ? rawJSON(`${value}.0`) : value
}
