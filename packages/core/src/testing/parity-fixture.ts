import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { decodeSafetensors, type HostTensor, toFloat32, toInt32 } from '../checkpoint/index'
import { expectClose, maxDifference } from './close'

type Tensors = ReadonlyMap<string, HostTensor>

/** A host tensor on the engine: floats as float32, everything else as int32. */
export const toEngine = (host: HostTensor): tf.Tensor =>
  host.dtype === 'F32'
    ? tf.tensor(toFloat32(host), [...host.shape], 'float32')
    : tf.tensor(toInt32(host), [...host.shape], 'int32')

const load = (directory: string, name: string): Tensors => {
  const file = join(directory, `${name}.safetensors`)
  return decodeSafetensors(readFileSync(file), file).tensors
}

const get = (tensors: Tensors, name: string, directory: string): HostTensor => {
  const found = tensors.get(name)
  if (!found) throw new Error(`${directory} has no ${name}`)
  return found
}

/** A folder of numbers that a reference implementation gave, with its inputs and weights; its README says how they were made. */
export class ParityFixture {
  /** Worst error so far, as a share of the tensor's largest magnitude, and whose it is. */
  worst = { name: '', error: 0 }
  readonly #inputs: Tensors
  readonly #expected: Tensors
  readonly #model: Tensors

  /** @param parts Files to read besides `inputs` and `expected`. Default: the model. */
  constructor(readonly directory: string) {
    this.#inputs = load(directory, 'inputs')
    this.#expected = load(directory, 'expected')
    this.#model = load(directory, 'model')
  }

  /** An input on the engine. */
  input<T extends tf.Tensor>(name: string): T {
    return toEngine(get(this.#inputs, name, this.directory)) as T
  }

  /** An expected tensor on the engine: what one block gave is what the next one is tested with. */
  given<T extends tf.Tensor>(name: string): T {
    return toEngine(get(this.#expected, name, this.directory)) as T
  }

  /** Whether it is among the expected tensors. */
  has(name: string): boolean {
    return this.#expected.has(name)
  }

  /** Names of the expected tensors that begin so. */
  names(prefix: string): string[] {
    return [...this.#expected.keys()].filter((name) => name.startsWith(prefix))
  }

  /** Weights whose names begin with `prefix`, under what follows it; `rename` maps them to the block's own names. */
  weights(prefix = '', rename: (name: string) => string = (name) => name): Map<string, HostTensor> {
    return new Map(
      [...this.#model]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, tensor]) => [rename(name.slice(prefix.length)), tensor]),
    )
  }

  /**
   * Compares with the expected tensor, by default to 1e-5 of its largest magnitude (about 80 units in the last place of float32).
   *
   * @param relative Allowed difference as a share of the largest magnitude.
   * @param absolute Allowed difference where that is larger; for gradients that vanish in exact arithmetic.
   */
  compare(name: string, actual: tf.Tensor, { relative = 1e-5, absolute = 0 } = {}): void {
    const { shape, ...host } = get(this.#expected, name, this.directory)
    if (actual.shape.join() !== shape.join()) throw new Error(`${name} is [${actual.shape}], not [${shape}]`)
    const [values, expected] = [actual.dataSync(), toFloat32({ shape, ...host })]
    const { difference, magnitude } = maxDifference(values, expected)
    const error = difference / (magnitude || 1)
    if (difference > absolute && !(error <= this.worst.error)) this.worst = { name, error }
    expectClose(values, expected, { relative, absolute, name })
  }
}
