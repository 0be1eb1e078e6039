/**
 * TensorFlow.js's own test suite, set up for one backend. It is bundled before it runs: the suite is published as ES modules
 * without file extensions, which Node cannot load, and must share one copy of `tfjs-core` with the backend under test.
 */
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util'
import '@tensorflow/tfjs-core/dist/index'
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops'
import '@tensorflow/tfjs-core/dist/register_all_gradients'
import '@tensorflow/tfjs-backend-cpu'
import { registerXla } from '../src/register'

/** Registers the backend, then declares every spec of the suite with jasmine's globals. Resolves to what it runs on. */
export const declare = async (backendName: 'xla' | 'cpu'): Promise<string> => {
  // The suite reads the environments while it is being imported.
  setTestEnvs([{ name: backendName, backendName, isDataSync: true }])
  const backend = backendName === 'xla' ? await registerXla({ device: 'cpu' }) : undefined
  await import('@tensorflow/tfjs-core/dist/tests')
  return backend?.description ?? 'TensorFlow.js cpu'
}
