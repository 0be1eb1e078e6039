import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, utimesSync } from 'node:fs'
import { hostname } from 'node:os'
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { INSTALLABLE, type InstallablePlugin, targetsOf } from './catalogue'
import { findPlugin } from './discover'
import { PluginInstallError } from './errors'
import { installPlugin } from './install'
import { Sandbox, zip } from './testing'
import { currentTarget, type Wheel, type WheelFile } from './wheel'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe.runIf(process.platform === 'linux')('installPlugin', () => {
  const sandbox = new Sandbox()
  const library = 'library '.repeat(1000)
  const wheel = zip({ 'toy/__init__.py': '', 'toy/include/toy.h': '', 'toy/toy_cpu.so': library })
  const helper = zip({ 'helper/lib/libhelper.so.1': 'help', 'helper_gpu-2.0.dist-info/METADATA': 'Name: helper-gpu' })

  function pin(name: string, version: string, bytes: Uint8Array, changes: Partial<WheelFile> = {}): Wheel {
    const file = { tag: 'any', sha256: sha256(bytes), bytes: bytes.length, unpacked: library.length, ...changes }
    return { name, version, [currentTarget()]: file }
  }
  const toyWheel = pin('toy-cpu', '1.2.3', wheel)
  const toy: InstallablePlugin = {
    kind: 'cpu',
    device: 'toys',
    library: 'toy/toy_cpu.so',
    glibc: [2, 17],
    wheels: [toyWheel],
  }
  const pair: Partial<InstallablePlugin> = { wheels: [toyWheel, pin('helper-gpu', '2.0', helper)] }
  const messages: string[] = []
  const install = (changes: Partial<InstallablePlugin> = {}) => {
    messages.length = 0
    return installPlugin('toy', {
      cacheDirectory: sandbox.path('cache'),
      catalogue: { toy: { ...toy, ...changes } },
      onProgress: (message) => messages.push(message),
    })
  }
  const leftovers = () => readdirSync(sandbox.path('cache', 'pjrt'))
  const home = () => sandbox.path('cache', 'pjrt', 'toy-cpu-1.2.3')

  /** A pip that notes how it was called and delivers the wheel asked for. */
  function fakePip(name: string, bytes: Uint8Array = wheel, helperBytes: Uint8Array = helper): void {
    sandbox.write('toy-cpu.whl', bytes)
    sandbox.write('helper-gpu.whl', helperBytes)
    sandbox.program(
      name,
      `echo "${name} $*" >> ${sandbox.path('calls')}
       for last in "$@"; do :; done
       dest=; while [ $# -gt 0 ]; do [ "$1" = --dest ] && dest=$2; shift; done
       [ -z "$dest" ] || cp ${sandbox.folder}/"\${last%%==*}".whl "$dest/"`,
    )
  }
  const calls = () => readFileSync(sandbox.path('calls'), 'utf8').trim().split('\n')

  it('downloads exactly the pinned version, unpacks its library, and leaves nothing else', async () => {
    fakePip('python3')
    const info = await install()
    expect(info).toEqual({ path: `${home()}/toy/toy_cpu.so`, kind: 'cpu', version: '1.2.3', source: 'cache' })
    expect(readFileSync(info.path, 'utf8')).toBe(library)
    expect(readdirSync(home()).sort()).toEqual(['plugin.json', 'toy'])
    expect(readdirSync(`${home()}/toy`)).toEqual(['toy_cpu.so'])
    expect(leftovers()).toEqual(['toy-cpu-1.2.3'])
    expect(JSON.parse(readFileSync(`${home()}/plugin.json`, 'utf8'))).toMatchObject({
      version: '1.2.3',
      sha256: sha256(wheel),
      packages: { 'toy-cpu': '1.2.3' },
    })
    const [version, download] = calls()
    expect(version).toBe('python3 -m pip --version')
    expect(download).toMatch(
      /^python3 -m pip download --no-deps --only-binary=:all: .*--platform any .*toy-cpu==1\.2\.3$/,
    )
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
    expect((error as Error).message).toContain(sha256(wheel))
    expect(existsSync(home())).toBe(false)
    expect(readdirSync(sandbox.path('cache', 'pjrt', '.wheels-toy-cpu-1.2.3'))).toEqual([])
  })

  it('passes on what pip said when the download fails', async () => {
    sandbox.program('python3', 'case "$*" in *download*) echo "ERROR: no matching distribution" >&2; exit 1;; esac')
    await expect(install()).rejects.toThrow(/exit code 1\).*\n.*no matching distribution/)
    expect(existsSync(home())).toBe(false)
  })

  it('reports a wheel without the library as a failed installation', async () => {
    fakePip('python3')
    await expect(install({ library: 'toy/other.so' })).rejects.toThrow(
      /The wheel of toy-cpu 1\.2\.3 holds no file toy\/other\.so/,
    )
    expect(existsSync(home())).toBe(false)
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

  it('clears away at once what an installation of this machine left whose process is gone', async () => {
    fakePip('python3')
    const { pid } = spawnSync('/bin/true')
    const gone = sandbox.path('cache', 'pjrt', `.incoming-${pid}@${hostname()}-abc`)
    const alive = sandbox.path('cache', 'pjrt', `.incoming-${process.pid}@${hostname()}-abc`)
    const elsewhere = sandbox.path('cache', 'pjrt', `.incoming-${pid}@another-host-abc`)
    for (const folder of [gone, alive, elsewhere]) mkdirSync(folder, { recursive: true })
    await install()
    expect([gone, alive, elsewhere].map((folder) => existsSync(folder))).toEqual([false, true, true])
  })

  it('says so when the cache folder cannot be written', async () => {
    fakePip('python3')
    sandbox.write('cache', 'a file, no folder')
    await expect(install()).rejects.toThrow(/Cannot write to the cache folder .* Set BABBLE_CACHE/)
  })

  it('says which platform a plugin is for, and what to do on others', async () => {
    const elsewhere = { ...toyWheel, [currentTarget()]: undefined, 'darwin-arm64': toyWheel['linux-x64'] }
    await expect(install({ wheels: [elsewhere as Wheel] })).rejects.toThrow(
      /toy plugin exists for darwin-arm64 only; this is .*wasm/,
    )
    await expect(install({ glibc: [9, 0] })).rejects.toThrow(/needs glibc 9\.0 or newer; this system has/)
  })

  it('unpacks several wheels into one folder, as Python would, and tells the sizes first', async () => {
    fakePip('python3')
    await install(pair)
    expect(readFileSync(`${home()}/helper/lib/libhelper.so.1`, 'utf8')).toBe('help')
    expect(readFileSync(`${home()}/helper_gpu-2.0.dist-info/METADATA`, 'utf8')).toBe('Name: helper-gpu')
    expect(JSON.parse(readFileSync(`${home()}/plugin.json`, 'utf8'))).toMatchObject({
      packages: { 'toy-cpu': '1.2.3', 'helper-gpu': '2.0' },
      files: { 'toy/toy_cpu.so': library.length, 'helper/lib/libhelper.so.1': 4 },
    })
    expect(messages[0]).toBe(`toy: 2 wheels, ${wheel.length + helper.length} bytes to download, 16 kB installed`)
  })

  it('goes on with the wheels it had after one could not be fetched', async () => {
    fakePip('python3', wheel, zip({ other: '' }))
    await expect(install(pair)).rejects.toThrow(/helper-gpu\.whl is not the file this version of the package knows/)
    fakePip('python3')
    await install(pair)
    const downloads = calls().filter((call) => call.includes('download'))
    expect(downloads.map((call) => call.split(' ').at(-1))).toEqual([
      'toy-cpu==1.2.3',
      'helper-gpu==2.0',
      'helper-gpu==2.0',
    ])
    expect(messages[0]).toMatch(/; 1 are here from before$/)
    expect(leftovers()).toEqual(['toy-cpu-1.2.3'])
  })

  it('does not trust a kept wheel that was changed', async () => {
    fakePip('python3', wheel, zip({ other: '' }))
    await expect(install(pair)).rejects.toThrow()
    sandbox.write('cache/pjrt/.wheels-toy-cpu-1.2.3/toy-cpu-1.2.3.whl', 'something else')
    fakePip('python3')
    const { path } = await install(pair)
    expect(readFileSync(path, 'utf8')).toBe(library)
  })

  it('installs anew when a file beside the library is gone, or another version of a package is wanted', async () => {
    fakePip('python3')
    await install(pair)
    truncateSync(`${home()}/helper/lib/libhelper.so.1`, 1)
    await install(pair)
    expect(readFileSync(`${home()}/helper/lib/libhelper.so.1`, 'utf8')).toBe('help')
    const before = calls().length
    await install({ wheels: [toyWheel, pin('helper-gpu', '2.1', helper)] })
    expect(calls().length).toBeGreaterThan(before)
  })

  it('counts a CPU plugin of the first releases, which recorded its library only, as installed', async () => {
    sandbox.write('cache/pjrt/toy-cpu-1.2.3/toy_cpu.so', library)
    const old = { kind: 'cpu', name: 'toy-cpu', version: '1.2.3', sha256: sha256(wheel), library: 'toy_cpu.so' }
    sandbox.write('cache/pjrt/toy-cpu-1.2.3/plugin.json', JSON.stringify({ ...old, bytes: library.length }))
    expect((await install()).path).toBe(`${home()}/toy_cpu.so`)
  })

  it('looks at the disk before it downloads', async () => {
    fakePip('python3')
    const wheels = [pin('toy-cpu', '1.2.3', wheel, { unpacked: 1e18 })]
    await expect(install({ wheels })).rejects.toThrow(
      /needs 1000000 TB of disk space .*; .*pjrt has .* free\. Make room, or set BABBLE_CACHE/,
    )
    expect(calls()).toEqual(['python3 -m pip --version'])
  })

  it('says what does not exist, and what is meant', async () => {
    await expect(installPlugin('abacus')).rejects.toThrow(
      "There is no plugin 'abacus'; what can be installed is: cpu, cuda13, cuda12, rocm7, oneapi, metal",
    )
    await expect(installPlugin('cuda')).rejects.toThrow(/Say which CUDA: cuda13/)
    await expect(installPlugin('toString')).rejects.toThrow(PluginInstallError)
  })
})

describe('the catalogue', () => {
  it.each(Object.entries(INSTALLABLE))('%s pins every wheel for every platform it is offered on', (_, plugin) => {
    const targets = targetsOf(plugin)
    expect(targets.length).toBeGreaterThan(0)
    for (const wheel of plugin.wheels) {
      for (const target of targets) {
        const file = wheel[target]!
        expect(file.sha256, wheel.name).toMatch(/^[0-9a-f]{64}$/)
        expect(file.bytes, wheel.name).toBeGreaterThan(1000)
        expect(file.tag, wheel.name).toMatch(target.endsWith('x64') ? /x86_64$/ : /(aarch64|arm64)$/)
      }
    }
  })
})
