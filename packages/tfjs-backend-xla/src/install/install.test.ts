import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, utimesSync } from 'node:fs'
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import type { InstallablePlugin } from './catalogue'
import { findPlugin } from './discover'
import { PluginInstallError } from './errors'
import { installPlugin } from './install'
import { Sandbox, zip } from './testing'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe.runIf(process.platform === 'linux')('installPlugin', () => {
  const sandbox = new Sandbox()
  const library = 'library '.repeat(1000)
  const wheel = zip({ 'toy/__init__.py': '', 'toy/toy_cpu.so': library })
  const toy: InstallablePlugin = {
    kind: 'cpu',
    name: 'toy-cpu',
    version: '1.2.3',
    sha256: sha256(wheel),
    library: 'toy/toy_cpu.so',
    platform: process.platform,
    architecture: process.arch as NodeJS.Architecture,
    glibc: [2, 17],
    size: 'a few bytes',
  }
  const install = (changes: Partial<InstallablePlugin> = {}) =>
    installPlugin('toy', { cacheDirectory: sandbox.path('cache'), catalogue: { toy: { ...toy, ...changes } } })
  const leftovers = () => readdirSync(sandbox.path('cache', 'pjrt'))

  /** A pip that notes how it was called and delivers the wheel. */
  function fakePip(name: string, bytes: Uint8Array = wheel): void {
    sandbox.write('toy.whl', bytes)
    sandbox.program(
      name,
      `echo "${name} $*" >> ${sandbox.path('calls')}
       dest=; while [ $# -gt 0 ]; do [ "$1" = --dest ] && dest=$2; shift; done
       [ -z "$dest" ] || cp ${sandbox.path('toy.whl')} "$dest/toy_cpu-1.2.3-py3-none-any.whl"`,
    )
  }
  const calls = () => readFileSync(sandbox.path('calls'), 'utf8').trim().split('\n')

  it('downloads exactly the pinned version, unpacks its library, and leaves nothing else', async () => {
    fakePip('python3')
    const info = await install()
    const home = sandbox.path('cache', 'pjrt', 'toy-cpu-1.2.3')
    expect(info).toEqual({ path: `${home}/toy_cpu.so`, kind: 'cpu', version: '1.2.3', source: 'cache' })
    expect(readFileSync(info.path, 'utf8')).toBe(library)
    expect(readdirSync(home).sort()).toEqual(['plugin.json', 'toy_cpu.so'])
    expect(leftovers()).toEqual(['toy-cpu-1.2.3'])
    expect(JSON.parse(readFileSync(`${home}/plugin.json`, 'utf8'))).toMatchObject({
      version: '1.2.3',
      sha256: toy.sha256,
    })
    const [version, download] = calls()
    expect(version).toBe('python3 -m pip --version')
    expect(download).toMatch(/^python3 -m pip download --no-deps --only-binary=:all: .*toy-cpu==1\.2\.3$/)
    expect(findPlugin({ device: 'cpu', cacheDirectory: sandbox.path('cache') })).toEqual(info)
  })

  it('does nothing when the plugin is there already', async () => {
    fakePip('python3')
    await install()
    const before = calls().length
    await install()
    expect(calls()).toHaveLength(before)
  })

  it('installs anew over a library that was cut short', async () => {
    fakePip('python3')
    const { path } = await install()
    truncateSync(path, 10)
    await install()
    expect(readFileSync(path, 'utf8')).toBe(library)
  })

  it('tries pip3 where Python has no pip', async () => {
    sandbox.program('python3', 'echo "No module named pip" >&2; exit 1')
    fakePip('pip3')
    await install()
    expect(calls()[0]).toBe('pip3 --version')
  })

  it('says what to install where there is no pip at all, and writes nothing', async () => {
    const error = await install().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(PluginInstallError)
    expect((error as Error).message).toMatch(/tried python3 -m pip, python -m pip, pip3, pip/)
    expect((error as Error).message).toMatch(/python3-pip.*BABBLE_PJRT_PLUGIN/)
    expect(existsSync(sandbox.path('cache'))).toBe(false)
  })

  it('refuses a wheel with another hash, naming both, and keeps nothing of it', async () => {
    const other = zip({ 'toy/toy_cpu.so': 'something else' })
    fakePip('python3', other)
    const error = await install().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(PluginInstallError)
    expect((error as Error).message).toContain(sha256(other))
    expect((error as Error).message).toContain(toy.sha256)
    expect(leftovers()).toEqual([])
  })

  it('passes on what pip said when the download fails', async () => {
    sandbox.program('python3', 'case "$*" in *download*) echo "ERROR: no matching distribution" >&2; exit 1;; esac')
    await expect(install()).rejects.toThrow(/exit code 1\).*\n.*no matching distribution/)
    expect(leftovers()).toEqual([])
  })

  it('reports a wheel without the library as a failed installation', async () => {
    fakePip('python3')
    await expect(install({ library: 'toy/other.so' })).rejects.toThrow(
      /Installing toy-cpu .* holds no file toy\/other\.so/,
    )
    expect(leftovers()).toEqual([])
  })

  it('can be run twice at once', async () => {
    fakePip('python3')
    const [first, second] = await Promise.all([install(), install()])
    expect(first).toEqual(second)
    expect(leftovers()).toEqual(['toy-cpu-1.2.3'])
    expect(readFileSync(first.path, 'utf8')).toBe(library)
  })

  it('clears away what an installation killed long ago left, not one that may be running', async () => {
    fakePip('python3')
    const [old, young] = [
      sandbox.path('cache', 'pjrt', '.incoming-old'),
      sandbox.path('cache', 'pjrt', '.incoming-new'),
    ]
    mkdirSync(old, { recursive: true })
    mkdirSync(young)
    utimesSync(old, 0, 0)
    await install()
    expect(leftovers().sort()).toEqual(['.incoming-new', 'toy-cpu-1.2.3'])
  })

  it('says so when the cache folder cannot be written', async () => {
    fakePip('python3')
    sandbox.write('cache', 'a file, no folder')
    await expect(install()).rejects.toThrow(/Cannot write to the cache folder .* Set BABBLE_CACHE/)
  })

  it('says which platform a plugin is for, and what to do on others', async () => {
    await expect(install({ platform: 'win32' })).rejects.toThrow(/exists for win32-.* only; this is .*wasm/)
    await expect(install({ glibc: [9, 0] })).rejects.toThrow(/needs glibc 9\.0 or newer; this system has/)
  })

  it('says plainly what is not built yet, and what does not exist', async () => {
    await expect(installPlugin('cuda13')).rejects.toThrow(/'cuda13' is not built yet; what can be installed is: cpu/)
    await expect(installPlugin('abacus')).rejects.toThrow(/no plugin 'abacus'; what can be installed is: cpu/)
    await expect(installPlugin('toString')).rejects.toThrow(PluginInstallError)
  })
})
