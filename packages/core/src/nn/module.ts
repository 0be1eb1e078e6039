import * as tf from '@tensorflow/tfjs-core'
import { type HostTensor, toFloat32 } from '../checkpoint/index'
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

const isModules = (value: unknown): value is Module[] =>
  Array.isArray(value) && value.length > 0 && value.every((part) => part instanceof Module)

/**
 * A part of a model: its own properties that are `tf.Variable`s are its parameters, those that are modules (or arrays of modules)
 * its children. A property's checkpoint key is its name in snake case (`qProj` -> `q_proj`, `layers[0]` -> `layers.0`);
 * {@link keyOverrides} declares exceptions.
 */
export abstract class Module {
  /** Checkpoint keys of properties whose name does not give it by rule; may contain dots. */
  protected keyOverrides(): Readonly<Record<string, string>> {
    return {}
  }

  /** Parameters under the reference checkpoint's names, in the order in which they were made. */
  namedParameters(): Map<string, tf.Variable> {
    const found = new Map<string, tf.Variable>()
    const overrides = this.keyOverrides()
    for (const [property, value] of Object.entries(this)) {
      const key = overrides[property] ?? snakeCase(property)
      if (value instanceof tf.Variable) found.set(key, value)
      else if (value instanceof Module) addAll(found, key, value)
      else if (isModules(value)) for (const [i, child] of value.entries()) addAll(found, `${key}.${i}`, child)
    }
    return found
  }

  /** Number of trained numbers. */
  parameterCount(): number {
    let count = 0
    for (const parameter of this.namedParameters().values()) count += parameter.size
    return count
  }

  /** The current values; valid until the next update. */
  stateDict(): Map<string, tf.Tensor> {
    return new Map(this.namedParameters())
  }

  /**
   * Replaces the values of the parameters.
   *
   * @throws CheckpointError that lists every tensor whose shape is wrong and, with `strict`, every one missing or unexpected.
   */
  loadStateDict(
    tensors: ReadonlyMap<string, HostTensor>,
    options: LoadStateOptions = {},
  ): { missing: string[]; unexpected: string[] } {
    const { strict = true, file, ignore = () => false } = options
    const parameters = this.namedParameters()
    const missing = [...parameters.keys()].filter((name) => !tensors.has(name))
    const unexpected = [...tensors.keys()].filter((name) => !parameters.has(name))
    const misshapen = [...parameters].flatMap(([name, parameter]) => {
      const given = tensors.get(name)
      return given && !tf.util.arraysEqual([...given.shape], parameter.shape)
        ? [`${name} is [${given.shape}] in the file and [${parameter.shape}] in the model`]
        : []
    })
    const complaints = [
      ...misshapen,
      ...(strict ? missing.filter((name) => !ignore(name)).map((name) => `${name} is missing`) : []),
      ...(strict ? unexpected.filter((name) => !ignore(name)).map((name) => `${name} is not part of the model`) : []),
    ]
    if (complaints.length > 0) {
      throw new CheckpointError(`the tensors do not fit the model:\n  ${complaints.join('\n  ')}\n`, {
        ...(file !== undefined && { file }),
        cure: 'Check that the configuration is the one that the checkpoint was saved with.',
      })
    }
    for (const [name, parameter] of parameters) {
      const given = tensors.get(name)
      if (!given) continue
      const value = tf.tensor(toFloat32(given), parameter.shape, 'float32')
      parameter.assign(value)
      value.dispose()
    }
    return { missing, unexpected }
  }

  /** Keeps the parameters as they are in training. */
  freeze(): this {
    for (const parameter of this.namedParameters().values()) parameter.trainable = false
    return this
  }

  unfreeze(): this {
    for (const parameter of this.namedParameters().values()) parameter.trainable = true
    return this
  }

  /** Frees the parameters' memory. */
  dispose(): void {
    for (const parameter of this.namedParameters().values()) parameter.dispose()
  }
}

const addAll = (into: Map<string, tf.Variable>, prefix: string, child: Module): void => {
  for (const [key, parameter] of child.namedParameters()) into.set(`${prefix}.${key}`, parameter)
}
