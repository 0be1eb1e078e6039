import { type KernelFunc, registerKernel, type TensorInfo } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../../backend'

/** The kernels that put complex64 tensors together and take them apart. They share memory and work inside `jit` too. */
export const registerComplex = (): void => {
  register('Complex', (xla, { real, imag }) => xla.makeComplex(real!, imag!))
  register('Real', (xla, { input }) => part(xla, input!, 'real'))
  register('Imag', (xla, { input }) => part(xla, input!, 'imag'))
}

const register = (
  kernelName: string,
  run: (xla: XlaBackend, inputs: Record<string, TensorInfo | undefined>) => TensorInfo,
): void => {
  const kernelFunc: KernelFunc = ({ inputs, backend }) =>
    run(backend as XlaBackend, inputs as Record<string, TensorInfo | undefined>)
  registerKernel({ kernelName, backendName: 'xla', kernelFunc })
}

const part = (xla: XlaBackend, { dataId, shape, dtype }: TensorInfo, which: 'real' | 'imag'): TensorInfo => {
  const entry = xla.entry(dataId)
  if (entry.kind !== 'complex') throw new TypeError(`tf.${which} takes a complex64 tensor, not one of ${dtype}.`)
  return xla.share({ ...entry[which], shape })
}
