import * as tf from '@tensorflow/tfjs-core'

/** Seconds that an engine has spent compiling programs, or fetching them from disk, so far. */
export interface CompilerWatch {
  readonly seconds: number
}

type Compile = (...args: unknown[]) => unknown

/** Takes the time of the `xla` backend's compiler; 0 on backends that run op by op. */
export const watchCompiler = (): CompilerWatch => {
  const watch = { seconds: 0 }
  const backend = tf.backend() as { compile?: Compile }
  const compile = backend.compile?.bind(backend)
  if (!compile) return watch
  backend.compile = (...args) => {
    const started = performance.now()
    try {
      return compile(...args)
    } finally {
      watch.seconds += (performance.now() - started) / 1000
    }
  }
  return watch
}
