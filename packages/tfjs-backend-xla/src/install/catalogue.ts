/** Kinds of device a plugin drives. */
export type DeviceKind = 'cpu' | 'cuda'

/** A package that {@link installPlugin} can install. */
export interface InstallablePlugin {
  readonly kind: DeviceKind
  /** Name on the Python package index. */
  readonly name: string
  readonly version: string
  /** The one wheel we have tried, by its hash: another build of the same version is refused. */
  readonly sha256: string
  /** Path of the library inside the wheel. */
  readonly library: string
  readonly platform: NodeJS.Platform
  readonly architecture: NodeJS.Architecture
  /** The oldest glibc the library runs with, `[major, minor]`. */
  readonly glibc: readonly [number, number]
  /** Size of the download and of the installed library, for messages. */
  readonly size: string
}

/** What can be installed, by the name used on the command line. */
export const INSTALLABLE: Readonly<Record<string, InstallablePlugin>> = {
  cpu: {
    kind: 'cpu',
    name: 'lammps-jax-pjrt-cpu',
    version: '0.11.2',
    sha256: '1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1',
    library: 'lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so',
    platform: 'linux',
    architecture: 'x64',
    glibc: [2, 27],
    size: '63 MB to download, 202 MB installed',
  },
}

/** Names a user may ask for that are not built yet. */
export const NOT_BUILT_YET: readonly string[] = ['cuda13', 'cuda12', 'rocm7', 'oneapi']

/** Plugins as Python packages install them, best first: library below `site-packages`, and the package's name. */
export const PYTHON_PLUGINS: readonly { kind: DeviceKind; library: string; distribution: string }[] = [
  { kind: 'cuda', library: 'jax_plugins/xla_cuda13/xla_cuda_plugin.so', distribution: 'jax_cuda13_pjrt' },
  { kind: 'cuda', library: 'jax_plugins/xla_cuda12/xla_cuda_plugin.so', distribution: 'jax_cuda12_pjrt' },
  { kind: 'cpu', library: 'lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so', distribution: 'lammps_jax_pjrt_cpu' },
  { kind: 'cpu', library: 'fastatomstruct_xla_cpu/libpjrt_cpu.so', distribution: 'fastatomstruct_xla_cpu' },
]
