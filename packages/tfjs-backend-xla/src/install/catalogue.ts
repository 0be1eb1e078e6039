import { CUDA12 } from './pins/cuda12'
import { CUDA13 } from './pins/cuda13'
import { ONEAPI } from './pins/oneapi'
import type { Target, Wheel } from './wheel'

/** Kinds of device a plugin drives: NVIDIA, AMD, Intel and Apple GPUs, Google's TPUs, the CPU. */
export type DeviceKind = 'cuda' | 'rocm' | 'oneapi' | 'metal' | 'tpu' | 'cpu'

/** All kinds, in the order in which they are tried: whatever is faster than the CPU before it. */
export const DEVICE_KINDS: readonly DeviceKind[] = ['cuda', 'rocm', 'tpu', 'oneapi', 'metal', 'cpu']

/** A plugin that {@link installPlugin} can install: a wheel with the library, and those it needs at run time. */
export interface InstallablePlugin {
  readonly kind: DeviceKind
  /** Device it is for, in words. */
  readonly device: string
  /** The library's path as the wheel has it. */
  readonly library: string
  /** The plugin's own wheel first. */
  readonly wheels: readonly Wheel[]
  /** Where Python modules are unpacked, below the plugin's folder: some libraries look for others above themselves. */
  readonly sitePackages?: string
  /** NVIDIA: the oldest driver that runs it, and the oldest compute capability it holds code for. */
  readonly nvidia?: { readonly driver: number; readonly capability: number }
  /** The oldest glibc the libraries run with, `[major, minor]`. */
  readonly glibc?: readonly [number, number]
  /** What a user must know after it is installed: what else is needed, how far it has been tried. */
  readonly note?: string
}

/** What can be installed, by the name used on the command line. */
export const INSTALLABLE: Readonly<Record<string, InstallablePlugin>> = {
  cpu: {
    kind: 'cpu',
    device: 'the CPU',
    library: 'lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so',
    glibc: [2, 27],
    wheels: [
      {
        name: 'lammps-jax-pjrt-cpu',
        version: '0.11.2',
        'linux-x64': {
          tag: 'manylinux_2_27_x86_64',
          sha256: '1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1',
          bytes: 62711338,
          unpacked: 201864215,
        },
      },
    ],
  },
  cuda13: {
    kind: 'cuda',
    device: 'NVIDIA GPUs of compute capability 7.5 and newer, driver 580 or newer',
    nvidia: { driver: 580, capability: 7.5 },
    library: 'jax_plugins/xla_cuda13/xla_cuda_plugin.so',
    glibc: [2, 27],
    wheels: CUDA13,
  },
  cuda12: {
    kind: 'cuda',
    device: 'NVIDIA GPUs of compute capability 5.2 and newer, driver 525 or newer',
    nvidia: { driver: 525, capability: 5.2 },
    library: 'jax_plugins/xla_cuda12/xla_cuda_plugin.so',
    glibc: [2, 27],
    wheels: CUDA12,
  },
  rocm7: {
    kind: 'rocm',
    device: 'AMD GPUs',
    library: 'jax_plugins/xla_rocm7/xla_rocm_plugin.so',
    glibc: [2, 27],
    wheels: [
      {
        name: 'jax-rocm7-pjrt',
        version: '0.12.0',
        'linux-x64': {
          tag: 'manylinux_2_27_x86_64',
          sha256: '4551d0714523355f2946ca1958c3f584e95661e467a641d36b726f718a1c7934',
          bytes: 133415872,
          unpacked: 459001685,
        },
      },
    ],
    note:
      'This is the plugin alone: AMD does not publish the ROCm libraries on the Python package index. Install ROCm 7.14 ' +
      'from AMD in /opt/rocm (`tfjs-xla doctor` names a library that is missing). It has not been run on a GPU by us.',
  },
  oneapi: {
    kind: 'oneapi',
    device: 'Intel GPUs',
    library: 'jax_plugins/xla_oneapi/xla_oneapi_plugin.so',
    // The plugin looks for Intel's libraries four folders up, in the `lib` of a Python environment.
    sitePackages: 'lib/python3/site-packages',
    glibc: [2, 28],
    wheels: ONEAPI,
    note:
      'It also needs Intel’s GPU driver with its Level Zero loader, libze_loader.so.1, from Intel’s package repository ' +
      '(1.8, as in Debian 12, is too old). It has not been run on a GPU by us.',
  },
  metal: {
    kind: 'metal',
    device: 'Apple GPUs',
    library: 'jax_plugins/mps/lib/libpjrt_plugin_mps.dylib',
    wheels: [
      {
        name: 'jax-mps',
        version: '0.11.1',
        'darwin-arm64': {
          tag: 'macosx_14_0_arm64',
          sha256: 'defef43da225b50689e72300f33772610003189377cc09b0acb0f9a1364d4e2a',
          bytes: 44734365,
          unpacked: 162002514,
        },
      },
    ],
    note:
      'It is a community plugin that interprets programs with MLX; this package has never been run with it, so check your ' +
      'results. (Apple’s own jax-metal 0.1.1 of 2024 speaks a PJRT API that is too old.)',
  },
}

/** What can be installed for NVIDIA GPUs, the newest CUDA first. */
export const NVIDIA_PLUGINS = Object.entries(INSTALLABLE).flatMap(([name, { nvidia }]) =>
  nvidia ? [{ name, ...nvidia }] : [],
)

/** Names a user may try, and what to do instead. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  cuda: 'Say which CUDA: cuda13 (driver 580 or newer, see nvidia-smi) or cuda12 (older drivers and GPUs).',
  gpu: 'Say which: cuda13 or cuda12 (NVIDIA), rocm7 (AMD), oneapi (Intel), metal (Apple).',
  rocm: 'Say rocm7.',
  mps: 'Say metal.',
  apple: 'Say metal.',
  tpu: 'On a TPU machine, install `libtpu` with pip in the active Python environment: it is found there.',
}

/** Plugins as Python packages install them, best first: library below `site-packages`, and the package's name. */
export const PYTHON_PLUGINS: readonly { kind: DeviceKind; library: string; distribution: string }[] = [
  { kind: 'cuda', library: 'jax_plugins/xla_cuda13/xla_cuda_plugin.so', distribution: 'jax_cuda13_pjrt' },
  { kind: 'cuda', library: 'jax_plugins/xla_cuda12/xla_cuda_plugin.so', distribution: 'jax_cuda12_pjrt' },
  { kind: 'rocm', library: 'jax_plugins/xla_rocm10/xla_rocm_plugin.so', distribution: 'jax_rocm10_pjrt' },
  { kind: 'rocm', library: 'jax_plugins/xla_rocm7/xla_rocm_plugin.so', distribution: 'jax_rocm7_pjrt' },
  { kind: 'tpu', library: 'libtpu/libtpu.so', distribution: 'libtpu' },
  { kind: 'oneapi', library: 'jax_plugins/xla_oneapi/xla_oneapi_plugin.so', distribution: 'jax_oneapi_pjrt' },
  { kind: 'metal', library: 'jax_plugins/mps/lib/libpjrt_plugin_mps.dylib', distribution: 'jax_mps' },
  { kind: 'cpu', library: 'lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so', distribution: 'lammps_jax_pjrt_cpu' },
  { kind: 'cpu', library: 'fastatomstruct_xla_cpu/libpjrt_cpu.so', distribution: 'fastatomstruct_xla_cpu' },
]

/** The platforms a plugin exists for. */
export function targetsOf({ wheels }: InstallablePlugin): Target[] {
  const [own] = wheels
  return (['linux-x64', 'linux-arm64', 'darwin-arm64'] as const).filter((target) => own?.[target])
}
