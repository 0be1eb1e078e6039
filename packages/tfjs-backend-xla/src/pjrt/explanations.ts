import process from 'node:process'
import { readGpus } from '../doctor/nvidia-smi'
import type { NvidiaGpu } from '../doctor/report'
import { hasNvidiaGpu } from '../install/hardware'
import {
  explainLibraryStart,
  explainMissingLibrary,
  explainNoGpu,
  explainOutOfMemory,
  type FailureContext,
  NEWER_DRIVER,
  REINSTALL,
  whoHoldsMemory,
} from './failure-causes'

interface Explanation {
  readonly pattern: RegExp
  /** What happened and what to do about it, in sentences; undefined when the message needs no help after all. */
  readonly explain: (match: RegExpExecArray, context: FailureContext) => string | undefined
}

/** Known failures, the more particular before the more general. */
const EXPLANATIONS: readonly Explanation[] = [
  // The GPU cannot be reached.
  {
    pattern: /CUDA_ERROR_SYSTEM_NOT_READY|system not yet initialized/,
    explain: () =>
      'The GPUs are joined by NVLink switches whose service does not run. Start it (systemctl start nvidia-fabricmanager); ' +
      'its version must be the driver’s.',
  },
  {
    pattern: /CUDA_ERROR_SYSTEM_DRIVER_MISMATCH|Driver\/library version mismatch/i,
    explain: () => 'NVIDIA’s driver was updated while its old kernel module is still loaded. Restart the machine.',
  },
  {
    pattern:
      /driver version is insufficient|cudaErrorInsufficientDriver|(?:CUDA_ERROR_|cudaError)UNSUPPORTED_?PTX_?VERSION|PTX was compiled with an unsupported toolchain|Possibly insufficient driver version/i,
    explain: () => `NVIDIA’s driver is too old for this plugin. ${NEWER_DRIVER}`,
  },
  {
    pattern: /Unsupported \.version ([\d.]+); current version is '([\d.]+)'/,
    explain: ([, needed, found]) =>
      `XLA found an assembler (ptxas) that is too old: it knows PTX ${found}, and ${needed} is needed. Take the older one ` +
      `off the PATH, or unset XLA_FLAGS=--xla_gpu_cuda_data_dir. ${REINSTALL}`,
  },
  {
    pattern:
      /No visible GPU devices|no supported devices found for platform|CUDA_ERROR_NO_DEVICE|failed call to cuInit/,
    explain: explainNoGpu,
  },
  {
    pattern: /no kernel image is available|CUDA_ERROR_NO_BINARY_FOR_GPU|cudaErrorNoKernelImageForDevice/,
    explain: (_, { gpus }) => {
      const names = gpus().map(({ name, computeCapability }) => `${name}: ${computeCapability ?? 'unknown'}`)
      const found = names.length > 0 ? ` (compute capability of ${names.join(', ')})` : ''
      return (
        `The plugin holds no code for this GPU${found}. cuda13 is built for 7.5 and newer, cuda12 for 5.2 and newer; a GPU ` +
        'newer than the plugin needs a newer plugin.'
      )
    },
  },
  {
    pattern: /CUDA_ERROR_(ILLEGAL_ADDRESS|LAUNCH_FAILED|ECC_UNCORRECTABLE|MISALIGNED_ADDRESS|HARDWARE_STACK_ERROR)/,
    explain: ([, name]) =>
      name === 'ECC_UNCORRECTABLE'
        ? 'The GPU found an error in its memory that it could not correct. Restart it (or the machine); if it comes again, the GPU is broken.'
        : 'A kernel crashed on the GPU, and this process can use it no more: start again. If it comes again, please report the program.',
  },
  // Libraries that do not fit or are not there.
  {
    pattern: /Loaded runtime CuDNN library: (\d[\d.]*\d) but source was compiled with: (\d[\d.]*\d)/i,
    explain: ([, found, needed]) =>
      `cuDNN ${found} was loaded where ${needed} or newer is needed, probably through LD_LIBRARY_PATH. Unset that, or ` +
      `update cuDNN. ${REINSTALL}`,
  },
  {
    pattern: /version [`']GLIBC_([\d.]+)' not found/,
    explain: ([, needed]) =>
      `The plugin needs glibc ${needed} or newer, and this system’s is older. Use a newer system or container image ` +
      '(Debian 10, Ubuntu 20.04, RHEL 8 and later do), or the wasm backend.',
  },
  {
    pattern: /version [`'](GLIBCXX|CXXABI)_([\d.]+)' not found/,
    explain: ([, name, needed]) =>
      `The plugin needs a libstdc++ with ${name}_${needed}, and the one found is older: a newer one must come first in ` +
      'LD_LIBRARY_PATH, or that variable be unset (conda sets it).',
  },
  {
    pattern:
      /(?:Could(?:n't| not) (?:load|open)(?: dynamic)? library '?)?(lib[\w+-]+\.so[\w.]*)'?(?:: cannot open shared object file|[.;] ?(?:Error|dlerror))/,
    explain: ([, library]) => explainMissingLibrary(library!),
  },
  {
    pattern:
      /libdevice(?:\.10\.bc)?(?: is required by this HLO module but was)? not found|ptxas not found|Couldn't find a suitable version of ptxas|No PTX compilation provider is available|Couldn't invoke ptxas/,
    explain: () =>
      'XLA did not find NVIDIA’s assembler (ptxas) or libdevice, which it compiles with. They come with `npx tfjs-xla install ' +
      'cuda13`; for a CUDA toolkit of your own set XLA_FLAGS=--xla_gpu_cuda_data_dir=/usr/local/cuda.',
  },
  {
    pattern: /(\S+): undefined symbol: (\S+)/,
    explain: ([, library, symbol]) =>
      `${library} was written against a newer version of a library than this system has: ${symbol} is missing in it` +
      `${symbol!.startsWith('ze') ? ' (it belongs to the Level Zero loader: update Intel’s GPU driver)' : ''}. Update it, or ` +
      'unset LD_LIBRARY_PATH if that leads to an old one.',
  },
  {
    pattern: /invalid ELF header|file too short|wrong ELF class|cannot enable executable stack/,
    explain: ([found]) =>
      found.startsWith('cannot')
        ? 'The system refuses libraries with an executable stack, as this plugin is marked. Install a current plugin.'
        : 'The library is damaged, or made for another processor. Install the plugin again with `npx tfjs-xla install`.',
  },
  {
    pattern:
      /PJRT_Api already exists|Unable to register \w+ factory|Registration of .* duplicated|option .* registered more than once/,
    explain: () =>
      'Two copies of XLA were loaded into one process, for instance this plugin and TensorFlow’s or JAX’s. Use them in ' +
      'separate processes.',
  },
  // Several GPUs.
  {
    pattern: /NCCL operation (\w+)[^\n]*? failed: ([^(.\n]+)|\bncclUnhandledCudaError|\bncclSystemError/,
    explain: ([, operation, reason], context) =>
      `NCCL, which joins the GPUs, failed${operation ? ` in ${operation}: ${reason!.trim()}` : ''}. Set NCCL_DEBUG=INFO to see ` +
      'where. In a container give it shared memory (--shm-size=8g or --ipc=host); with several hosts set ' +
      `NCCL_SOCKET_IFNAME to the network they share; lower \`memoryFraction\` if memory is short.${whoHoldsMemory(context)}`,
  },
  // Memory, often in disguise: what allocates beside XLA fails first.
  {
    pattern:
      /CUDNN_STATUS_(NOT_INITIALIZED|INTERNAL_ERROR|ALLOC_FAILED)|DNN library initialization failed|could not create cudnn handle/i,
    explain: (_, context) => explainLibraryStart('cuDNN', context),
  },
  {
    pattern: /CUBLAS_STATUS_(NOT_INITIALIZED|ALLOC_FAILED)|failed to create cublas handle/i,
    explain: (_, context) => explainLibraryStart('cuBLAS', context),
  },
  {
    pattern:
      /CUSOLVER_STATUS_(NOT_INITIALIZED|INTERNAL_ERROR|ALLOC_FAILED)|gpusolverDnCreate|CUFFT_(?:ALLOC|SETUP)_FAILED/,
    explain: (_, context) => explainLibraryStart('A CUDA library', context),
  },
  {
    // XLA's CPU runtime has this for any product that fails; allocating is what does.
    pattern: /YNNPACK operation failed: error/,
    explain: () =>
      'A matrix product or convolution failed on the CPU: most likely its working memory could not be allocated. Use a smaller ' +
      'batch or shorter sequences, accumulate gradients over micro-batches, or use `checkpoint`.',
  },
  {
    pattern:
      /Out of memory (?:while trying to allocate|allocating) ([\d.]+ ?[KMGT]?i?B?(?:ytes)?)|Failed to allocate request for ([\d.]+[KMGT]?i?B)|(?:CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation)|hipErrorOutOfMemory/i,
    explain: ([, wanted, requested], context) => explainOutOfMemory(wanted ?? requested, context),
  },
]

/**
 * What a failure of XLA, a CUDA library or the loader means and what to do about it, undefined for one that is not
 * known or that speaks for itself.
 */
export function explain(message: string, context: Partial<FailureContext> = {}): string | undefined {
  const complete: FailureContext = {
    gpus: gpusNow,
    environment: process.env,
    hasNvidiaDriver: hasNvidiaGpu(),
    pid: process.pid,
    ...context,
  }
  for (const { pattern, explain } of EXPLANATIONS) {
    const match = pattern.exec(message)
    const text = match && explain(match, complete)
    if (text) return text
  }
  return undefined
}

const FRESH_MS = 5000
let known: { readonly at: number; readonly gpus: readonly NvidiaGpu[] } | undefined

/** Asked at most every few seconds: a program that goes on after running out of memory may do so often. */
function gpusNow(): readonly NvidiaGpu[] {
  if (!hasNvidiaGpu()) return []
  if (!known || Date.now() - known.at > FRESH_MS) known = { at: Date.now(), gpus: readGpus() }
  return known.gpus
}
