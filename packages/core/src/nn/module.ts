import * as tf from '@tensorflow/tfjs-core'
import { type HostTensor, toFloat32, toInt32 } from '../checkpoint/index'
import { CheckpointError } from '../errors'
import type { Rng } from '../random/index'

/** What a forward pass is told beside its inputs. */
export interface ForwardContext {
  /** Whether dropout, LayerDrop and sampling noise are on. */
  readonly training: boolean
  /** Random tensors; needed where `training` is true and something random is configured. */
  readonly rng?: Rng
}

/** A forward pass without anything random. */
export const inference: ForwardContext = { training: false }

export interface LoadStateOptions {
  /** Missing or unexpected tensors are an error. Default true. */
  readonly strict?: boolean
  /** The file the tensors came from, for messages. */
  readonly file?: string
  /** Names that may be missing or unexpected even so. */
  readonly ignore?: (name: string) => boolean
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

type ModuleList = readonly (Module | ModuleList)[]

const isModules = (value: unknown): value is ModuleList =>
  Array.isArray(value) && value.length > 0 && value.every((part) => part instanceof Module || isModules(part))

/** A variable of a module tree, as one of the paths to it names it. */
interface NamedVariable {
  readonly name: string
  readonly variable: tf.Variable
  readonly isBuffer: boolean
}

/**
 * A part of a model: its own properties that are `tf.Variable`s are its parameters, those that are modules (or arrays of modules,
 * also nested ones) its children. A property's checkpoint key is its name in snake case (`qProj` -> `q_proj`, `layers[0]` ->
 * `layers.0`); {@link keyOverrides} declares exceptions.
 *
 * Properties that {@link bufferNames} lists are buffers: state that a checkpoint holds and no optimiser trains, such as running
 * statistics. A variable that two modules share (tied weights) has one name, the first.
 */
export abstract class Module {
  /** Checkpoint keys of properties whose name does not give it by rule; may contain dots. */
  protected keyOverrides(): Readonly<Record<string, string>> {
    return {}
  }

  /** Properties (variables, or modules with all that is in them) that are buffers. */
  protected bufferNames(): readonly string[] {
    return []
  }

  /** Parameters under the reference checkpoint's names, in the order in which they were made. */
  namedParameters(): Map<string, tf.Variable> {
    return distinct(this.#variables().filter(({ isBuffer }) => !isBuffer))
  }

  /** Buffers, named in the same way. A forward pass in training may assign them. */
  namedBuffers(): Map<string, tf.Variable> {
    return distinct(this.#variables().filter(({ isBuffer }) => isBuffer))
  }

  /** Further names of shared variables, each with the name that it goes by. */
  aliases(): Map<string, string> {
    const first = new Map<tf.Variable, string>()
    const aliases = new Map<string, string>()
    for (const { name, variable } of this.#variables()) {
      const known = first.get(variable)
      if (known === undefined) first.set(variable, name)
      else aliases.set(name, known)
    }
    return aliases
  }

  /** Every path to a variable, shared ones several times. */
  #variables(): NamedVariable[] {
    const found: NamedVariable[] = []
    const overrides = this.keyOverrides()
    const buffers = this.bufferNames()
    const add = (key: string, value: unknown, isBuffer: boolean): void => {
      if (value instanceof tf.Variable) found.push({ name: key, variable: value, isBuffer })
      else if (value instanceof Module) {
        for (const inner of value.#variables())
          found.push({ ...inner, name: `${key}.${inner.name}`, isBuffer: isBuffer || inner.isBuffer })
      } else if (isModules(value)) for (const [i, child] of value.entries()) add(`${key}.${i}`, child, isBuffer)
    }
    for (const [property, value] of Object.entries(this))
      add(overrides[property] ?? snakeCase(property), value, buffers.includes(property))
    return found
  }

  /** Number of trained numbers. */
  parameterCount(): number {
    let count = 0
    for (const parameter of this.namedParameters().values()) count += parameter.size
    return count
  }

  /** The current values of parameters and buffers; valid until the next update. A shared variable is there once. */
  stateDict(): Map<string, tf.Tensor> {
    return distinct(this.#variables())
  }

  /**
   * Replaces the values of parameters and buffers. A shared variable's value may stand under any of its names.
   *
   * @throws CheckpointError that lists every tensor whose shape is wrong, every shared variable with two values and, with
   * `strict`, every tensor missing or unexpected.
   */
  loadStateDict(
    tensors: ReadonlyMap<string, HostTensor>,
    options: LoadStateOptions = {},
  ): { missing: string[]; unexpected: string[] } {
    const { strict = true, file, ignore = () => false } = options
    const state = distinct(this.#variables())
    const aliases = this.aliases()
    const { given, contradictions } = underFirstNames(tensors, aliases)
    const missing = [...state.keys()].filter((name) => !given.has(name))
    const unexpected = [...given.keys()].filter((name) => !state.has(name))
    const misshapen = [...state].flatMap(([name, variable]) => {
      const shape = given.get(name)?.shape
      return shape && !tf.util.arraysEqual([...shape], variable.shape)
        ? [`${name} is [${shape}] in the file and [${variable.shape}] in the model`]
        : []
    })
    const complaints = [
      ...misshapen,
      ...contradictions,
      ...(strict ? missing.filter((name) => !ignore(name)).map((name) => `${name} is missing`) : []),
      ...(strict ? unexpected.filter((name) => !ignore(name)).map((name) => `${name} is not part of the model`) : []),
    ]
    if (complaints.length > 0) {
      throw new CheckpointError(`the tensors do not fit the model:\n  ${complaints.join('\n  ')}\n`, {
        ...(file !== undefined && { file }),
        cure: 'Check that the configuration is the one that the checkpoint was saved with.',
      })
    }
    for (const [name, variable] of state) {
      const host = given.get(name)
      if (!host) continue
      const isInt = variable.dtype === 'int32'
      const value = tf.tensor(isInt ? toInt32(host) : toFloat32(host), variable.shape, isInt ? 'int32' : 'float32')
      variable.assign(value)
      value.dispose()
    }
    return { missing, unexpected }
  }

  /** Keeps parameters as they are in training: all, or those whose name (within this module) `match` takes. Buffers still move. */
  freeze(match: (name: string) => boolean = () => true): this {
    return this.#setTrainable(false, match)
  }

  /** Undoes {@link freeze}. */
  unfreeze(match: (name: string) => boolean = () => true): this {
    return this.#setTrainable(true, match)
  }

  #setTrainable(trainable: boolean, match: (name: string) => boolean): this {
    for (const [name, parameter] of this.namedParameters()) if (match(name)) parameter.trainable = trainable
    return this
  }

  /** Frees the memory of parameters and buffers. */
  dispose(): void {
    for (const variable of distinct(this.#variables()).values()) variable.dispose()
  }
}

/** Each variable under its first name. */
const distinct = (variables: readonly NamedVariable[]): Map<string, tf.Variable> => {
  const seen = new Set<tf.Variable>()
  const found = new Map<string, tf.Variable>()
  for (const { name, variable } of variables) {
    if (seen.has(variable)) continue
    seen.add(variable)
    found.set(name, variable)
  }
  return found
}

const sameBytes = (a: HostTensor, b: HostTensor): boolean => {
  if (a.dtype !== b.dtype || !tf.util.arraysEqual([...a.shape], [...b.shape])) return false
  const [left, right] = [a, b].map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) as [
    Uint8Array,
    Uint8Array,
  ]
  return left.every((byte, i) => byte === right[i])
}

/** The tensors with those of shared variables under the first name; what is stored under several must be equal. */
const underFirstNames = (tensors: ReadonlyMap<string, HostTensor>, aliases: ReadonlyMap<string, string>) => {
  const given = new Map(tensors)
  const contradictions: string[] = []
  for (const [alias, name] of aliases) {
    const tensor = tensors.get(alias)
    if (!tensor) continue
    given.delete(alias)
    const known = given.get(name)
    if (!known) given.set(name, tensor)
    else if (!sameBytes(known, tensor))
      contradictions.push(`${alias} and ${name} differ in the file and are one tensor in the model`)
  }
  return { given, contradictions }
}
