import { describe, expect, it } from 'vitest'
import type { NvidiaGpu } from '../doctor/report'
import { failure } from './errors'
import { explain } from './explanations'

const GB = 1e9
const busy: NvidiaGpu = {
  index: 0,
  name: 'NVIDIA H100 80GB HBM3',
  computeCapability: '9.0',
  memoryBytes: 80 * GB,
  usedMemoryBytes: 70 * GB,
  processes: [
    { pid: 4242, name: 'python3', usedMemoryBytes: 69 * GB },
    { pid: 1, name: 'node', usedMemoryBytes: 1 * GB },
  ],
}
const machine = {
  gpus: () => [busy],
  environment: {},
  hasNvidiaDriver: true,
  pid: 1,
  pluginPath: '/x/xla_cuda_plugin.so',
}

// Messages as people have reported them, shortened only at their ends.
const messages: readonly (readonly [string, RegExp])[] = [
  ['No visible GPU devices.', /^The plugin loaded, but found no NVIDIA GPU .*nvidia-smi/],
  ['INTERNAL: no supported devices found for platform CUDA', /found no NVIDIA GPU that it may use/],
  [
    'INTERNAL: CUDA error: Failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected',
    /found no NVIDIA GPU/,
  ],
  [
    'failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: CUDA_ERROR_SYSTEM_NOT_READY: system not yet initialized',
    /nvidia-fabricmanager/,
  ],
  ['failed call to cuInit: CUDA_ERROR_UNKNOWN: unknown error', /nvidia_uvm/],
  [
    'Could not create RepeatBufferKernel: INTERNAL: Failed call to cudaGetFuncBySymbol: no kernel image is available for execution on the device',
    /no code for this GPU \(compute capability of NVIDIA H100 80GB HBM3: 9\.0\)/,
  ],
  ['CUDA_ERROR_NO_BINARY_FOR_GPU: no kernel image is available for execution on the device', /no code for this GPU/],
  [
    'DriverError(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "the provided PTX was compiled with an unsupported toolchain.")',
    /driver is too old.*580/,
  ],
  ['CUDA driver version is insufficient for CUDA runtime version', /driver is too old/],
  [
    "ptxas exited with non-zero error code 65280, output: ptxas /tmp/x, line 9; fatal : Unsupported .version 8.4; current version is '8.2'",
    /ptxas\) that is too old: it knows PTX 8\.2, and 8\.4 is needed/,
  ],
  [
    'Loaded runtime CuDNN library: 8.5.0 but source was compiled with: 8.6.0.  CuDNN library needs to have matching major version',
    /cuDNN 8\.5\.0 was loaded where 8\.6\.0 or newer is needed/,
  ],
  [
    'FAILED_PRECONDITION: DNN library initialization failed. Look at the errors above for more details.',
    /cuDNN could not start.*GPU memory is taken by another process: on GPU 0 70 GB of 80 GB .*pid 4242 python3, 69 GB/,
  ],
  ['Could not create cudnn handle: CUDNN_STATUS_INTERNAL_ERROR', /cuDNN could not start.*memoryFraction/],
  ['Could not create cudnn handle: CUDNN_STATUS_NOT_INITIALIZED', /cuDNN could not start/],
  ['failed to create cublas handle: CUBLAS_STATUS_NOT_INITIALIZED', /cuBLAS could not start/],
  [
    'Out of memory while trying to allocate 4770354232 bytes.\nBufferAssignment OOM Debugging.',
    /^The GPU’s memory does not suffice for 4\.8 GB\. GPU memory is taken by .*smaller batch/,
  ],
  ['Failed to allocate request for 176.00MiB (184549376B) on device ordinal 0', /does not suffice for 176\.00MiB/],
  [
    'Failed to load in-memory CUBIN (compiled for a different GPU?).: CUDA_ERROR_OUT_OF_MEMORY: out of memory',
    /GPU’s memory does not suffice\./,
  ],
  [
    "NCCL operation ncclCommInitRank(&comm, nranks, id, rank) failed: unhandled system error (run with NCCL_DEBUG=INFO for details). Last NCCL warning(error) log entry (may be unrelated) 'socketTryAccept: Accept failed'.",
    /in ncclCommInitRank: unhandled system error\. Set NCCL_DEBUG=INFO.*--shm-size/,
  ],
  ['INTERNAL: libdevice not found at ./libdevice.10.bc', /assembler \(ptxas\) or libdevice/],
  [
    'No PTX compilation provider is available. Neither ptxas/nvlink nor nvjtlink is available.',
    /assembler \(ptxas\) or libdevice/,
  ],
  [
    'Could not load library libcublasLt.so.12. Error: libcublasLt.so.12: cannot open shared object file: No such file or directory',
    /libcublasLt\.so\.12, one of NVIDIA’s libraries, is not there.*tfjs-xla install cuda13/,
  ],
  ['libcudnn.so.9: cannot open shared object file: No such file or directory', /libcudnn\.so\.9, one of NVIDIA/],
  ['libcuda.so.1: cannot open shared object file: No such file or directory', /part of NVIDIA’s driver/],
  ['librocprofiler-sdk.so.1: cannot open shared object file: No such file or directory', /part of ROCm/],
  ['libze_loader.so.1: cannot open shared object file: No such file or directory', /Level Zero/],
  ['libmpi.so.12: cannot open shared object file: No such file or directory', /install oneapi/],
  [
    'lib/libur_adapter_level_zero.so.0: undefined symbol: zeDeviceGetRootDevice',
    /zeDeviceGetRootDevice is missing .*Level Zero/,
  ],
  [
    "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.28' not found (required by /opt/plugin.so)",
    /needs glibc 2\.28 or newer/,
  ],
  [
    "/opt/conda/lib/libstdc++.so.6: version `GLIBCXX_3.4.22' not found (required by x)",
    /GLIBCXX_3\.4\.22.*LD_LIBRARY_PATH/,
  ],
  ['ALREADY_EXISTS: PJRT_Api already exists for device type cuda', /Two copies of XLA/],
  [
    'Unable to register cuFFT factory: Attempting to register factory for plugin cuFFT when one has already been registered',
    /Two copies of XLA/,
  ],
  ['CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered', /start again/],
  ['plugin.so: invalid ELF header', /damaged/],
]

describe('explain', () => {
  it.each(messages)('%s', (message, expected) => {
    expect(explain(message, machine)).toMatch(expected)
  })

  it('leaves alone what it does not know, or what speaks for itself', () => {
    expect(explain("program:3:7: error: custom op 'x' is unknown", machine)).toBeUndefined()
    expect(explain('Buffer has been deleted or donated.', machine)).toBeUndefined()
  })

  it('speaks of the machine’s memory where the CPU ran out of it, and asks for no GPU', () => {
    const text = explain('Out of memory allocating 640000000000 bytes.', {
      ...machine,
      pluginPath: '/x/pjrt_c_api_cpu_plugin.so',
      gpus: () => expect.unreachable(),
    })
    expect(text).toMatch(/^The machine’s memory does not suffice for 640 GB\. Use a smaller batch/)
  })

  it('names what hides the GPU: no driver, or CUDA_VISIBLE_DEVICES', () => {
    const message = 'No visible GPU devices.'
    expect(explain(message, { ...machine, hasNvidiaDriver: false })).toMatch(
      /driver is not loaded: install it .*--gpus all/,
    )
    expect(explain(message, { ...machine, environment: { CUDA_VISIBLE_DEVICES: '7' } })).toMatch(
      /CUDA_VISIBLE_DEVICES is '7'/,
    )
    expect(explain(message, { ...machine, pluginPath: '/x/xla_rocm_plugin.so' })).toMatch(/AMD GPU .*rocminfo/)
  })

  it('accuses no other process when there is none', () => {
    const alone = { ...machine, gpus: () => [{ ...busy, processes: [busy.processes[1]!] }] }
    expect(explain('Out of memory while trying to allocate 5 bytes.', alone)).not.toMatch(/another process/)
  })
})

describe('failure', () => {
  it('puts the explanation first, XLA’s words after it, and all of them in the cause', () => {
    const message = `Out of memory while trying to allocate 5000 bytes.\n${'Buffer\n'.repeat(40)}the end`
    const error = failure(message, 'RESOURCE_EXHAUSTED', machine)
    expect(error.code).toBe('RESOURCE_EXHAUSTED')
    expect(error.message).toMatch(/^The GPU’s memory does not suffice for 5\.0 kB/)
    expect(error.message).toContain('(XLA: Out of memory while trying to allocate 5000 bytes.\nBuffer')
    expect(error.message.split('\n').length).toBeLessThan(16)
    expect((error.cause as Error).message).toBe(message)
  })

  it('passes on what it cannot explain as XLA said it', () => {
    const error = failure("-:3:7: error: custom op 'x' is unknown\n", 'INVALID_ARGUMENT', machine)
    expect(error.message).toBe("program:3:7: error: custom op 'x' is unknown")
    expect(error.cause).toBeUndefined()
  })
})
