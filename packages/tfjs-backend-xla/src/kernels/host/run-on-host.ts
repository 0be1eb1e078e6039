import {
  type DataId,
  type DataType,
  engine,
  getKernel,
  type KernelBackend,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  type Tensor,
  type TensorInfo,
} from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../../backend'
import type { HostReason } from './catalogue'
import { HostKernelError } from './errors'

/** What the kernels of TensorFlow.js's `cpu` backend take as their inputs: tensors by name, and lists of them. */
export type KernelInputs = Readonly<Record<string, TensorInfo | readonly TensorInfo[] | undefined | null>>

type CpuKernelInputs = NamedTensorInfoMap

let makeCpuBackend: (() => KernelBackend) | undefined

/**
 * Loads TensorFlow.js's `cpu` kernels, if they are not there yet. They register a backend `cpu` of the lowest priority, as
 * they do when a program imports them itself.
 */
export const loadHostKernels = async (): Promise<void> => {
  if (makeCpuBackend) return
  const registered = engine().registryFactory.cpu?.factory as (() => KernelBackend) | undefined
  if (registered) {
    makeCpuBackend = registered
  } else {
    const { MathBackendCPU } = await import('@tensorflow/tfjs-backend-cpu')
    makeCpuBackend = () => new MathBackendCPU()
  }
}

/** A backend for one kernel call, so that what a kernel leaves behind goes with it. */
const cpuBackend = (): KernelBackend => {
  const cpu = makeCpuBackend!() as KernelBackend & { firstUse: boolean }
  // It advises to install another backend when it is used for the first time.
  cpu.firstUse = false
  return cpu
}

/** Runs one kernel with TensorFlow.js's own `cpu` implementation: inputs are read, results written back. */
export const runOnHost = (
  kernelName: string,
  reason: HostReason,
  xla: XlaBackend,
  inputs: KernelInputs,
  attrs: NamedAttrMap | undefined,
): TensorInfo | TensorInfo[] => {
  if (xla.trace) throw new HostKernelError(kernelName, reason, xla.trace)
  const cpu = cpuBackend()
  const copies = new Map<DataId, TensorInfo>()
  const copy = ({ dataId, shape, dtype }: TensorInfo): TensorInfo => {
    let known = copies.get(dataId)
    if (!known) {
      known = toCpu(cpu, xla, { dataId, shape, dtype })
      copies.set(dataId, known)
    }
    return { ...known, shape }
  }
  // The inputs of some kernels (Concat, AddN) are a list, those of others hold lists.
  const copied = (Array.isArray(inputs) ? [] : {}) as Record<string, unknown>
  for (const [name, input] of Object.entries(inputs)) {
    if (input) copied[name] = Array.isArray(input) ? input.map(copy) : copy(input as TensorInfo)
  }
  const kernel = getKernel(kernelName, 'cpu')!
  const result = kernel.kernelFunc({ inputs: copied as CpuKernelInputs, attrs: attrs as NamedAttrMap, backend: cpu })
  return Array.isArray(result) ? result.map((info) => toXla(xla, cpu, info)) : toXla(xla, cpu, result)
}

const toCpu = (cpu: KernelBackend, xla: XlaBackend, { dataId, shape, dtype }: TensorInfo): TensorInfo => {
  const entry = xla.entry(dataId)
  if (entry.kind !== 'complex') return { dataId: cpu.write(xla.readSync(dataId), shape, dtype), shape, dtype }
  const [real, imag] = [entry.real, entry.imag].map((part) => toCpu(cpu, xla, { ...part, shape }))
  const inputs = { real: real!, imag: imag! }
  return getKernel('Complex', 'cpu')!.kernelFunc({ inputs, attrs: {}, backend: cpu }) as TensorInfo
}

const toXla = (xla: XlaBackend, cpu: KernelBackend, result: TensorInfo): TensorInfo => {
  const { dataId, dtype } = result
  const shape = [...result.shape]
  const info = { dataId: xla.write(cpu.readSync(dataId), shape, dtype as DataType), shape, dtype }
  // A few kernels return tensors, which TensorFlow.js counts.
  if ('dispose' in result) (result as Tensor).dispose()
  return info
}
