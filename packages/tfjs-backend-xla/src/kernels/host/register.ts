import { getKernel, getKernelsForBackend, registerKernel, unregisterKernel } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../../backend'
import { HOST_KERNELS, type HostReason } from './catalogue'
import { registerComplex } from './complex'
import { intercept } from './intercept'
import { type KernelInputs, runOnHost } from './run-on-host'

const onHost = new Map<string, HostReason>()

/** The kernels that run on the host because they have no lowering, with the reason. */
export const kernelsOnHost = (): ReadonlyMap<string, HostReason> => onHost

/** Registers the kernels that run on the host and have no lowering. Comes after those that have one. */
export const registerHostKernels = (): void => {
  registerComplex()
  for (const [kernelName, reason] of Object.entries(HOST_KERNELS)) {
    if (getKernel(kernelName, 'xla')) continue
    onHost.set(kernelName, reason)
    registerKernel({
      kernelName,
      backendName: 'xla',
      kernelFunc: ({ inputs, attrs, backend }) =>
        runOnHost(kernelName, reason, backend as XlaBackend, inputs as KernelInputs, attrs),
    })
  }
  for (const { kernelName, kernelFunc, ...config } of getKernelsForBackend('xla')) {
    unregisterKernel(kernelName, 'xla')
    registerKernel({ ...config, kernelName, kernelFunc: intercept(kernelName, kernelFunc) })
  }
}
