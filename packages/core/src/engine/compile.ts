import { jit } from '@babble/tfjs-backend-xla'
import * as tf from '@tensorflow/tfjs-core'

export interface CompileOptions {
  /** Shown in messages about tracing and compiling. Default: the function's name. */
  readonly name?: string
}

export interface CompiledFunction<A extends unknown[], R> {
  (...args: A): R
  /** Programs traced so far: one per combination of argument shapes and static arguments; 0 on engines that run eagerly. */
  readonly traceCount: number
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
  const traced = jit(fn, { name: options.name ?? (fn.name || 'anonymous') })
  const call = (...args: A): R =>
    tf.getBackend() === 'xla'
      ? traced(...args)
      : (tf.tidy(() => fn(...args) as unknown as tf.TensorContainer) as unknown as R)
  return Object.defineProperties(call, {
    traceCount: { get: () => traced.traceCount },
    dispose: { value: () => traced.dispose() },
  }) as CompiledFunction<A, R>
}
