import { library, program } from '../../scripts/tsup'

const gradients = {
  // TensorFlow.js publishes its gradient functions as ES modules without file extensions, which Node cannot load: they are
  // bundled. The copy shares the engine and the gradient registry of `@tensorflow/tfjs-core`, which keeps both on the global
  // object; that package must be loaded first, so that the engine is its own.
  noExternal: [/^@tensorflow\/tfjs-core\/dist\//],
}

export default [
  library({ index: 'src/index.ts', gradients: 'src/gradients.ts' }, gradients),
  program({ cli: 'src/cli.ts', probe: 'src/doctor/probe.ts' }),
  // Threads that `src/distributed/connect.ts` starts.
  program({
    'store-thread': 'src/distributed/store-thread.ts',
    'callback-thread': 'src/distributed/callback-thread.ts',
  }),
].flat()
