import { describe, expect, it } from 'vitest'
import { wheelPath } from './wheel'

describe('wheelPath', () => {
  it('keeps libraries, programs and licences where pip puts them', () => {
    expect(wheelPath('nvidia/cu13/lib/libcudart.so.13', '')).toBe('nvidia/cu13/lib/libcudart.so.13')
    expect(wheelPath('nvidia/cu13/nvvm/libdevice/libdevice.10.bc', '')).toBe(
      'nvidia/cu13/nvvm/libdevice/libdevice.10.bc',
    )
    expect(wheelPath('nvidia/cu13/bin/ptxas', 'lib/py')).toBe('lib/py/nvidia/cu13/bin/ptxas')
    expect(wheelPath('x-1.0.dist-info/METADATA', '')).toBe('x-1.0.dist-info/METADATA')
    expect(wheelPath('x-1.0.dist-info/licenses/License.txt', '')).toBe('x-1.0.dist-info/licenses/License.txt')
  })

  it('puts data files at the root of the environment, and modules in site-packages', () => {
    expect(wheelPath('mkl-2025.1.0.data/data/lib/libmkl_core.so.2', 'lib/py')).toBe('lib/libmkl_core.so.2')
    expect(wheelPath('x-1.data/purelib/x/y.so', 'lib/py')).toBe('lib/py/x/y.so')
  })

  it.each(['x/__init__.py', 'nvidia/cu13/include/cuda.h', 'lib/libcudart_static.a', 'x/', 'x-1.0.dist-info/RECORD'])(
    'leaves out %s',
    (name) => {
      expect(wheelPath(name, '')).toBeUndefined()
    },
  )
})
