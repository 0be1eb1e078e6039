import { jit, type Precision, type ProgramProfile } from '@babble/tfjs-backend-xla'
import * as tf from '@tensorflow/tfjs-core'
import { ConfigError } from '../errors'

export interface CompileOptions {
  /** Shown in messages about tracing and compiling. Default: the function's name. */
  readonly name?: string
  /** Devices that each call runs on (`xla` only): see `loadEngine({ xla: { deviceCount } })`. Default 1. */
  readonly devices?: number
  /**
   * Indices of the arguments whose tensors are cut into `devices` equal parts along axis 0, the batch; scalars in them, other
   * arguments and variables are whole on each device. The results are those of one device with the whole batch.
   */
  readonly sharded?: readonly number[]
  /**
   * What matrix products and convolutions compute in (`xla` only; other engines compute in float32): see `jit`. Default `float32`.
   */
  readonly precision?: Precision
}

export interface CompiledFunction<A extends unknown[], R> {
  (...args: A): R
  /** Programs traced so far: one per combination of argument shapes and static arguments; 0 on engines that run eagerly. */
  readonly traceCount: number
  /** Where the time of such a call goes, part by part (`xla` only): see `formatProfile`. */
  profile(...args: A): ProgramProfile
  dispose(): void
}

/**
 * Makes `fn` one program where the engine can compile (`xla`), and an ordinary tidy call elsewhere.
 *
 * Arguments are nested arrays and records of tensors, or static strings, numbers and booleans. Variables that `fn` reads
 * are inputs, and those it assigns are updated after each call. `fn` must not read a tensor on the host; whatever changes
 * from call to call must be an argument. The tensors returned belong to the caller.
 */
export const compile = <A extends unknown[], R>(
  fn: (...args: A) => R,
  options: CompileOptions = {},
): CompiledFunction<A, R> => {
  const { devices = 1, name = fn.name || 'anonymous' } = options
  const traced = jit(fn, { ...options, name })
  const call = (...args: A): R => {
    if (tf.getBackend() === 'xla') return traced(...args)
    if (devices !== 1) {
      throw new ConfigError(`${name} is to run on ${devices} devices, which the engine "${tf.getBackend()}" cannot.`, {
        field: 'devices',
        cure: 'Load the engine "xla", or take one device.',
      })
    }
    return tf.tidy(() => fn(...args) as unknown as tf.TensorContainer) as unknown as R
  }
  return Object.defineProperties(call, {
    traceCount: { get: () => traced.traceCount },
    profile: { value: (...args: A) => traced.profile(...args) },
    dispose: { value: () => traced.dispose() },
  }) as CompiledFunction<A, R>
}
