import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { XlaError } from './pjrt/errors'
import { loadKoffi } from './pjrt/native'

/**
 * NVIDIA's libraries in the order in which they are opened, each by the folder that its Python package has in `nvidia/`
 * for CUDA 12 and for CUDA 13. Opened once, they are found by name by whatever asks for them later: several look for one
 * another in folders that no longer exist.
 */
const LIBRARIES: readonly { readonly names: readonly string[]; readonly folder: string }[] = [
  { names: ['libcudart.so.12', 'libcudart.so.13'], folder: 'cuda_runtime' },
  { names: ['libnvrtc.so.12', 'libnvrtc.so.13'], folder: 'cuda_nvrtc' },
  { names: ['libnvJitLink.so.12', 'libnvJitLink.so.13'], folder: 'nvjitlink' },
  { names: ['libcublasLt.so.12', 'libcublasLt.so.13'], folder: 'cublas' },
  { names: ['libcublas.so.12', 'libcublas.so.13'], folder: 'cublas' },
  { names: ['libnccl.so.2'], folder: 'nccl' },
  { names: ['libcupti.so.12', 'libcupti.so.13'], folder: 'cuda_cupti' },
  { names: ['libcusparse.so.12'], folder: 'cusparse' },
  { names: ['libcusolver.so.11', 'libcusolver.so.12'], folder: 'cusolver' },
  { names: ['libcufft.so.11', 'libcufft.so.12'], folder: 'cufft' },
  { names: ['libnvshmem_host.so.3'], folder: 'nvshmem' },
  { names: ['libcudnn.so.9'], folder: 'cudnn' },
]

/** Folder of CUDA 13's packages, which share one. */
const CUDA13_FOLDER = 'cu13'

const RTLD_NOW = 2

/** The `nvidia` folder beside a plugin that was unpacked as Python installs it. */
export function nvidiaFolder(pluginPath: string): string {
  return join(dirname(dirname(dirname(pluginPath))), 'nvidia')
}

/** NVIDIA's libraries beside a plugin, in the order in which they are to be opened. */
export function nvidiaLibraries(pluginPath: string): string[] {
  const root = nvidiaFolder(pluginPath)
  return LIBRARIES.flatMap(({ names, folder }) => {
    const candidates = [CUDA13_FOLDER, folder].flatMap((place) => names.map((name) => join(root, place, 'lib', name)))
    return candidates.filter((path) => existsSync(path)).slice(0, 1)
  })
}

/** Where ptxas and libdevice lie beside a plugin, for XLA's compiler; undefined where the system's are to be used. */
export function cudaDataFolder(pluginPath: string): string | undefined {
  const root = nvidiaFolder(pluginPath)
  return [CUDA13_FOLDER, 'cuda_nvcc']
    .map((folder) => join(root, folder))
    .find((folder) => existsSync(join(folder, 'bin', 'ptxas')))
}

/** A library that did not open. */
export interface LibraryFailure {
  readonly path: string
  readonly reason: string
}

let opened: { readonly pluginPath: string; readonly failures: readonly LibraryFailure[] } | undefined

/**
 * Opens the NVIDIA libraries beside a plugin, before the plugin itself, and tells XLA where its assembler is. One that
 * does not open is no failure yet: XLA opens them when they are used, and may find others.
 *
 * @throws XlaError when this process has opened those of another plugin: CUDA 12 and 13 have libraries of one name.
 */
export function openNvidiaLibraries(pluginPath: string): readonly LibraryFailure[] {
  if (opened?.pluginPath === pluginPath) return opened.failures
  const libraries = process.platform === 'linux' ? nvidiaLibraries(pluginPath) : []
  if (libraries.length === 0) return []
  if (opened) {
    throw new XlaError(
      `This process has already opened the CUDA libraries of ${opened.pluginPath}, which do not go together with those of ` +
        `${pluginPath}. Use the two plugins in separate processes, or name one in BABBLE_PJRT_PLUGIN.`,
      'FAILED_PRECONDITION',
    )
  }
  const self = loadKoffi().load(null)
  const dlopen = self.func('dlopen', 'void *', ['str', 'int'])
  const dlerror = self.func('dlerror', 'str', [])
  const failures = libraries.flatMap((path) =>
    dlopen(path, RTLD_NOW) ? [] : [{ path, reason: (dlerror() as string | null) ?? 'unknown reason' }],
  )
  const folder = cudaDataFolder(pluginPath)
  const flags = process.env.XLA_FLAGS ?? ''
  if (folder && !flags.includes('--xla_gpu_cuda_data_dir')) {
    // Through the C library, as a worker thread's process.env is a copy that XLA does not see.
    const setenv = self.func('setenv', 'int', ['str', 'str', 'int'])
    setenv('XLA_FLAGS', `${flags} --xla_gpu_cuda_data_dir=${folder}`.trim(), 1)
  }
  opened = { pluginPath, failures }
  return failures
}
