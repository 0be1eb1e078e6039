import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type HostTensor, readSafetensors, toFloat32, toInt32 } from '@babble/core'
import { expectClose, maxDifference } from '@babble/core/testing'
import * as tf from '@tensorflow/tfjs-core'

/** Largest error allowed, as a share of a tensor's largest magnitude. */
const relative = 1e-4

interface Noise {
  readonly tensors: Readonly<Record<string, { readonly abs: number; readonly scale: number }>>
}

/** A folder of numbers that the reference implementation gave. */
export class Fixture {
  /** Worst error so far, as a share of the tensor's scale, and whose it is. */
  worst = { name: '', error: 0 }

  private constructor(
    readonly directory: string,
    private readonly inputs: ReadonlyMap<string, HostTensor>,
    private readonly expected: ReadonlyMap<string, HostTensor>,
    private readonly noise: Noise,
  ) {}

  static async open(name: string): Promise<Fixture> {
    const directory = fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url))
    const read = async (file: string) => (await readSafetensors(`${directory}/${file}.safetensors`)).tensors
    const noise = JSON.parse(await readFile(`${directory}/noise.json`, 'utf8')) as Noise
    return new Fixture(directory, await read('inputs'), await read('expected'), noise)
  }

  /** An input on the engine. */
  input(name: string): tf.Tensor {
    const host = this.#get(this.inputs, name)
    const shape = [...host.shape]
    return host.dtype === 'F32'
      ? tf.tensor(toFloat32(host), shape, 'float32')
      : tf.tensor(toInt32(host), shape, 'int32')
  }

  /** An expected tensor's values and shape. */
  values(name: string): { data: Float32Array; shape: readonly number[] } {
    const host = this.#get(this.expected, name)
    return { data: toFloat32(host), shape: host.shape }
  }

  /** Names of the expected tensors that begin so. */
  names(prefix: string): string[] {
    return [...this.expected.keys()].filter((name) => name.startsWith(prefix))
  }

  /**
   * Compares with the expected tensor, to 1e-4 of its largest magnitude or five times the reference's own rounding noise. Gradients
   * of key biases are zero but for rounding, so they are held to an absolute tolerance.
   */
  compare(name: string, actual: tf.Tensor): void {
    const { data, shape } = this.values(name)
    if (actual.shape.join() !== shape.join()) throw new Error(`${name} is [${actual.shape}], not [${shape}]`)
    this.compareValues(name, actual.dataSync(), data)
  }

  /** The same for values that are already on the host; `expected` may be a part of the expected tensor. */
  compareValues(name: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
    if (/k_proj\.bias$/.test(name)) {
      expectClose(actual, expected, { relative: 0, absolute: 1e-5, name })
      return
    }
    const { difference, magnitude } = maxDifference(actual, expected)
    const scale = magnitude === 0 ? 1 : magnitude
    if (!(difference / scale <= this.worst.error)) this.worst = { name, error: difference / scale }
    expectClose(actual, expected, { relative, absolute: 5 * (this.noise.tensors[name]?.abs ?? 0), name })
  }

  #get(tensors: ReadonlyMap<string, HostTensor>, name: string): HostTensor {
    const found = tensors.get(name)
    if (!found) throw new Error(`${this.directory} has no ${name}`)
    return found
  }
}
