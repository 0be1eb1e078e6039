import { describe, expect, it } from 'vitest'
import { Sandbox } from './install/testing'
import { cudaDataFolder, nvidiaLibraries } from './nvidia-libraries'

describe('nvidiaLibraries', () => {
  const sandbox = new Sandbox()
  const plugin = (version: string) => sandbox.path(`jax_plugins/xla_cuda${version}/xla_cuda_plugin.so`)
  const names = (version: string) =>
    nvidiaLibraries(plugin(version)).map((path) => path.slice(sandbox.folder.length + 1))

  it('finds those of CUDA 13, which share a folder, in the order in which they need one another', () => {
    for (const name of ['cu13/lib/libcublas.so.13', 'cudnn/lib/libcudnn.so.9', 'cu13/lib/libcudart.so.13']) {
      sandbox.write(`nvidia/${name}`, '')
    }
    expect(names('13')).toEqual([
      'nvidia/cu13/lib/libcudart.so.13',
      'nvidia/cu13/lib/libcublas.so.13',
      'nvidia/cudnn/lib/libcudnn.so.9',
    ])
  })

  it('finds those of CUDA 12, each in its own folder', () => {
    for (const name of [
      'cusolver/lib/libcusolver.so.11',
      'cuda_nvrtc/lib/libnvrtc.so.12',
      'cusparse/lib/libcusparse.so.12',
    ]) {
      sandbox.write(`nvidia/${name}`, '')
    }
    expect(names('12')).toEqual([
      'nvidia/cuda_nvrtc/lib/libnvrtc.so.12',
      'nvidia/cusparse/lib/libcusparse.so.12',
      'nvidia/cusolver/lib/libcusolver.so.11',
    ])
  })

  it('finds none where the plugin is alone, and then leaves the assembler to the system', () => {
    expect(names('13')).toEqual([])
    expect(cudaDataFolder(plugin('13'))).toBeUndefined()
  })

  it('finds the assembler in either layout', () => {
    sandbox.write('nvidia/cuda_nvcc/bin/ptxas', '')
    expect(cudaDataFolder(plugin('12'))).toBe(sandbox.path('nvidia/cuda_nvcc'))
    sandbox.write('nvidia/cu13/bin/ptxas', '')
    expect(cudaDataFolder(plugin('13'))).toBe(sandbox.path('nvidia/cu13'))
  })
})
