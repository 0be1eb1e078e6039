import { existsSync } from 'node:fs'
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { cacheDirectory } from './cache'
import { compareVersions, findPlugin, findPlugins } from './discover'
import { PluginNotFoundError } from './errors'
import { hasNvidiaGpu, isPresent } from './hardware'
import { Sandbox } from './testing'

describe.runIf(process.platform === 'linux')('findPlugin', () => {
  const sandbox = new Sandbox()

  function cached(version: string, kind = 'cpu', bytes = 3): string {
    const folder = `.cache/babble/pjrt/x-${kind}-${version}`
    const record = { kind, name: `x-${kind}`, version, sha256: '', library: 'plugin.so', bytes }
    sandbox.write(`${folder}/plugin.json`, JSON.stringify(record))
    return sandbox.write(`${folder}/plugin.so`, 'abc')
  }

  function inPython(folder: string): string {
    sandbox.write(`${folder}/lammps_jax_pjrt_cpu-0.11.2.dist-info/METADATA`, '')
    return sandbox.write(`${folder}/lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so`, '')
  }

  it('finds nothing on an empty machine', () => {
    expect(findPlugin()).toBeUndefined()
  })

  it('takes the plugin named by BABBLE_PJRT_PLUGIN before all others', () => {
    cached('1.0')
    process.env.BABBLE_PJRT_PLUGIN = sandbox.write('mine.so', '')
    expect(findPlugins()).toEqual([
      { path: sandbox.path('mine.so'), kind: undefined, version: undefined, source: 'environment' },
    ])
    expect(findPlugin({ device: 'cuda' })?.path).toBe(sandbox.path('mine.so'))
  })

  it('does not pass a named CPU plugin off as one for NVIDIA', () => {
    process.env.BABBLE_PJRT_PLUGIN = sandbox.write('my_cpu_plugin.so', '')
    expect(findPlugin({ device: 'cuda' })).toBeUndefined()
    expect(findPlugin({ device: 'cpu' })?.kind).toBe('cpu')
  })

  it('fails when BABBLE_PJRT_PLUGIN names a file that is not there', () => {
    cached('1.0')
    process.env.BABBLE_PJRT_PLUGIN = '/nowhere/plugin.so'
    expect(() => findPlugin()).toThrow(PluginNotFoundError)
    expect(() => findPlugin()).toThrow('/nowhere/plugin.so, which does not exist')
  })

  it('prefers the cache to Python, and newer versions to older', () => {
    const [older, newer] = [cached('0.9.1'), cached('0.11.2')]
    process.env.VIRTUAL_ENV = sandbox.path('venv')
    const python = inPython('venv/lib/python3.12/site-packages')
    expect(findPlugins({ device: 'cpu' }).map((plugin) => plugin.path)).toEqual([newer, older, python])
  })

  it('passes over libraries that are incomplete', () => {
    cached('2.0', 'cpu', 4)
    const whole = cached('1.0')
    sandbox.write('.cache/babble/pjrt/.incoming-x/plugin.json', '{}')
    sandbox.write('.cache/babble/pjrt/broken/plugin.json', 'no JSON')
    expect(findPlugins({ device: 'cpu' }).map((plugin) => plugin.path)).toEqual([whole])
  })

  it('takes plugins of the kind asked for; auto prefers NVIDIA only where there is such a GPU', () => {
    const [cpu, cuda] = [cached('1.0'), cached('1.0', 'cuda')]
    expect(findPlugins({ device: 'cuda' }).map((plugin) => plugin.path)).toEqual([cuda])
    expect(findPlugins({ device: 'cpu' }).map((plugin) => plugin.path)).toEqual([cpu])
    expect(findPlugins({ device: 'auto' }).map((plugin) => plugin.path)).toEqual(hasNvidiaGpu() ? [cuda, cpu] : [cpu])
  })

  it('shows with "any" also plugins for devices that are not here, in the order in which they would be tried', () => {
    const [cpu, metal, rocm, cuda] = [
      cached('1.0'),
      cached('1.0', 'metal'),
      cached('1.0', 'rocm'),
      cached('1.0', 'cuda'),
    ]
    expect(findPlugins({ device: 'any' }).map((plugin) => plugin.path)).toEqual([cuda, rocm, metal, cpu])
    expect(findPlugins({ device: 'auto' }).some(({ kind }) => kind === 'rocm')).toBe(isPresent('rocm'))
  })

  it.each([
    ['jax_plugins/xla_cuda13/xla_cuda_plugin.so', 'jax_cuda13_pjrt', 'cuda'],
    ['jax_plugins/xla_cuda12/xla_cuda_plugin.so', 'jax_cuda12_pjrt', 'cuda'],
    ['jax_plugins/xla_rocm7/xla_rocm_plugin.so', 'jax_rocm7_pjrt', 'rocm'],
    ['jax_plugins/xla_oneapi/xla_oneapi_plugin.so', 'jax_oneapi_pjrt', 'oneapi'],
    ['jax_plugins/mps/lib/libpjrt_plugin_mps.dylib', 'jax_mps', 'metal'],
    ['libtpu/libtpu.so', 'libtpu', 'tpu'],
  ] as const)('finds %s in a Python environment', (library, distribution, kind) => {
    process.env.VIRTUAL_ENV = sandbox.path('env')
    sandbox.write(`env/lib/python3.13/site-packages/${distribution}-0.12.0.1.dist-info/METADATA`, '')
    const path = sandbox.write(`env/lib/python3.13/site-packages/${library}`, '')
    expect(findPlugins({ device: kind })).toEqual([{ path, kind, version: '0.12.0.1', source: 'python' }])
  })

  it.each(['VIRTUAL_ENV', 'CONDA_PREFIX'])(
    'finds what pip installed in the environment %s, with its version',
    (name) => {
      process.env[name] = sandbox.path('env')
      const path = inPython('env/lib/python3.11/site-packages')
      expect(findPlugin({ device: 'cpu', python: false })).toEqual({
        path,
        kind: 'cpu',
        version: '0.11.2',
        source: 'python',
      })
    },
  )

  it('asks the Python on the PATH, and only when nothing is found without', () => {
    const path = inPython('packages')
    sandbox.program('python3', `touch ${sandbox.path('asked')}; echo ${sandbox.path('packages')}; echo /nowhere`)
    expect(findPlugin({ device: 'cpu', python: false })).toBeUndefined()
    expect(findPlugin({ device: 'cpu' })?.path).toBe(path)
    expect(existsSync(sandbox.path('asked'))).toBe(true)
  })

  it('does not start Python when the cache has what is wanted', () => {
    cached('1.0')
    sandbox.program('python3', `touch ${sandbox.path('asked')}`)
    findPlugin({ device: 'cpu' })
    expect(existsSync(sandbox.path('asked'))).toBe(false)
  })

  it('lives with a Python that fails', () => {
    sandbox.program('python3', 'exit 3')
    expect(findPlugin()).toBeUndefined()
  })
})

describe('cacheDirectory', () => {
  it('is BABBLE_CACHE, else in XDG_CACHE_HOME if that is absolute', () => {
    expect(cacheDirectory({ BABBLE_CACHE: 'mine', XDG_CACHE_HOME: '/xdg' })).toBe('mine')
    expect(cacheDirectory({ XDG_CACHE_HOME: '/xdg', HOME: '/home/me' })).toBe('/xdg/babble')
  })

  it.runIf(process.platform === 'linux')('is in ~/.cache otherwise', () => {
    expect(cacheDirectory({ HOME: '/home/me' })).toBe('/home/me/.cache/babble')
    expect(cacheDirectory({ HOME: '/home/me', XDG_CACHE_HOME: 'relative' })).toBe('/home/me/.cache/babble')
  })
})

describe('compareVersions', () => {
  it('compares by numbers, not letters', () => {
    expect(['0.9', '0.11.2', '0.11', '2026.6.23', '0.11.10'].sort(compareVersions)).toEqual([
      '0.9',
      '0.11',
      '0.11.2',
      '0.11.10',
      '2026.6.23',
    ])
  })
})
