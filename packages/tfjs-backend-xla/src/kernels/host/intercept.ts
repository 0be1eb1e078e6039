import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../../backend'
import type { HostReason } from './catalogue'
import { type KernelInputs, runOnHost } from './run-on-host'

const intercepted = new WeakSet<KernelFunc>()

/** Kernels that do not look at values: they work on tensors of every type. */
const ANY_TYPE = new Set(['Identity', 'Complex', 'Real', 'Imag'])

/**
 * What happens before each kernel of the backend: recorded work may be run, and a kernel that is given strings or complex
 * numbers, or is to make them, runs on the host.
 */
export const intercept = (kernelName: string, kernelFunc: KernelFunc): KernelFunc => {
  if (intercepted.has(kernelFunc)) return kernelFunc
  const wrapped: KernelFunc = (call) => {
    const xla = call.backend as XlaBackend
    const inputs = call.inputs as KernelInputs
    const list = Object.values(inputs ?? {}).flat() as TensorInfo[]
    xla.beforeKernel(list)
    const reason = ANY_TYPE.has(kernelName) ? undefined : hostReason(list, call.attrs)
    return reason ? runOnHost(kernelName, reason, xla, inputs, call.attrs) : kernelFunc(call)
  }
  intercepted.add(wrapped)
  return wrapped
}

const reasonOf = (dtype: unknown): HostReason | undefined => {
  if (dtype === 'string') return 'strings'
  return dtype === 'complex64' ? 'complex' : undefined
}

const hostReason = (inputs: readonly TensorInfo[], attrs: unknown): HostReason | undefined => {
  for (const input of inputs) {
    const reason = input && reasonOf(input.dtype)
    if (reason) return reason
  }
  return reasonOf((attrs as { dtype?: unknown } | undefined)?.dtype)
}
