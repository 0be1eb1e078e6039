import { basename } from 'node:path'
import type { NvidiaGpu } from '../doctor/report'
import { formatBytes } from '../install/format'

/** What an explanation may look at besides the message. */
export interface FailureContext {
  /** Path of the plugin that failed, where it is known. */
  readonly pluginPath?: string | undefined
  /** The NVIDIA GPUs and who holds their memory; asked for only by failures that have to do with it. */
  readonly gpus: () => readonly NvidiaGpu[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly hasNvidiaDriver: boolean
  readonly pid: number
}

export const REINSTALL =
  'Install the plugin again with `npx tfjs-xla install cuda13` (or cuda12), which brings its libraries.'
const SMALLER =
  'Use a smaller batch or shorter sequences, accumulate gradients over micro-batches, or use `checkpoint`.'
export const NEWER_DRIVER =
  'CUDA 13 needs driver 580 or newer, CUDA 12 needs 525. Update it, or take `npx tfjs-xla install cuda12`.'

export function explainNoGpu(
  _: RegExpExecArray,
  { pluginPath = '', environment, hasNvidiaDriver }: FailureContext,
): string {
  if (/rocm/i.test(pluginPath)) {
    return 'The plugin found no AMD GPU that it may use. `rocminfo` must list it, and the user be in the groups render and video.'
  }
  if (/oneapi|sycl/i.test(pluginPath)) return 'The plugin found no Intel GPU that it may use. `clinfo` must list it.'
  const found = 'The plugin loaded, but found no NVIDIA GPU that it may use.'
  if (!hasNvidiaDriver) {
    return (
      `${found} NVIDIA’s driver is not loaded: install it (580 or newer for CUDA 13, 525 or newer for CUDA 12), and start a ` +
      'container with `--gpus all`. On a machine without GPU use `npx tfjs-xla install cpu`.'
    )
  }
  const visible = environment.CUDA_VISIBLE_DEVICES ?? environment.NVIDIA_VISIBLE_DEVICES
  if (visible !== undefined) {
    const name = environment.CUDA_VISIBLE_DEVICES === undefined ? 'NVIDIA_VISIBLE_DEVICES' : 'CUDA_VISIBLE_DEVICES'
    return `${found} ${name} is '${visible}': check that it names one, or unset it.`
  }
  return (
    `${found} The driver is there: see that \`nvidia-smi\` lists the GPU (after a suspended machine, reload its module: ` +
    '`sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm`), and that the driver is new enough. ' +
    NEWER_DRIVER
  )
}

export function explainMissingLibrary(library: string): string {
  if (/^libcuda\.so/.test(library)) {
    return `${library}, a part of NVIDIA’s driver, is not there. Install the driver; start a container with \`--gpus all\`.`
  }
  if (/^lib(cud|cublas|cufft|cusolver|cusparse|cupti|nv|nccl)/.test(library)) {
    return `${library}, one of NVIDIA’s libraries, is not there. ${REINSTALL}`
  }
  if (/^lib(roc|hip|hsa|rccl|MIOpen|amd)/.test(library)) {
    return `${library}, a part of ROCm, is not there. Install ROCm 7 from AMD in /opt/rocm, at the version the plugin was made for.`
  }
  if (/^libze_/.test(library))
    return `${library}, the Level Zero loader, is not there. Install Intel’s GPU driver with it.`
  if (/^lib(sycl|mkl|mpi|umf|ur_|OpenCL|imf|svml|irc|intlc|irng|hwloc|tbb)/.test(library)) {
    return `${library}, a part of Intel’s oneAPI, is not there. Install the plugin with \`npx tfjs-xla install oneapi\`, which brings it.`
  }
  return `${library}, which the plugin needs, is not there. Install the system’s package that has it.`
}

export function explainLibraryStart(library: string, context: FailureContext): string {
  return (
    `${library} could not start. Almost always GPU memory is short: it allocates beside XLA’s share.` +
    `${whoHoldsMemory(context)} Lower \`memoryFraction\` (BABBLE_MEMORY_FRACTION, now ` +
    `${context.environment.BABBLE_MEMORY_FRACTION ?? '0.8 unless set'}), or set \`preallocate: false\`. If memory is free, ` +
    'the driver is too old for the library, or LD_LIBRARY_PATH leads to another version of it.'
  )
}

export function explainOutOfMemory(wanted: string | undefined, context: FailureContext): string {
  const amount = wanted === undefined ? '' : ` for ${readable(wanted)}`
  if (/cpu/i.test(basename(context.pluginPath ?? '')))
    return `The machine’s memory does not suffice${amount}. ${SMALLER}`
  return `The GPU’s memory does not suffice${amount}.${whoHoldsMemory(context)} ${SMALLER}`
}

function readable(amount: string): string {
  const bytes = /^(\d+) ?(?:bytes?|B)?$/.exec(amount)?.[1]
  return bytes === undefined ? amount : formatBytes(Number(bytes))
}

/** Who else holds memory of the GPUs, in a sentence with a space before it; empty where nobody is known to. */
export function whoHoldsMemory({ gpus, pid }: FailureContext): string {
  const sentences = gpus().flatMap((gpu) => {
    const others = gpu.processes.filter((other) => other.pid !== pid)
    if (others.length === 0) return []
    const names = others.map(
      (other) =>
        `pid ${other.pid} ${other.name}${other.usedMemoryBytes === undefined ? '' : `, ${formatBytes(other.usedMemoryBytes)}`}`,
    )
    const share = `${formatBytes(gpu.usedMemoryBytes)} of ${formatBytes(gpu.memoryBytes)} are in use`
    return [` GPU memory is taken by another process: on GPU ${gpu.index} ${share} (${names.join('; ')}).`]
  })
  return sentences.join('')
}
