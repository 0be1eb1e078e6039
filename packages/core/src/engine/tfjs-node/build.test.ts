// What can go wrong before and while tfjs-node is built, on machines made of shell scripts: nothing is fetched.
import { existsSync } from 'node:fs'
import process from 'node:process'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Sandbox, zip } from '../../../../tfjs-backend-xla/src/install/testing'
import { isCompleteDirectory, writeDirectoryAtomic } from '../../checkpoint/index'
import { EngineBuildError } from '../errors'
import { buildTfjsNode } from './build'
import { TARGET, TENSORFLOW_FILES } from './catalogue'
import { compileAddon } from './compile-addon'
import { digestFile } from './digest'
import { fetchTensorFlow } from './fetch-tensorflow'
import { tfjsNodePlace } from './place'

const works = 'echo 1.0'
/** A pip that "downloads" the file at PIP_SERVES. */
const pip = `case "$3" in download) while [ "$1" != --dest ]; do shift; done; cp "$PIP_SERVES" "$2/served.whl";; esac`
/** An npm that "packs" a file that is not the package's. */
const npm = `case "$1" in pack) echo other > "$4/package-1.tgz";; esac`

describe.runIf(`${process.platform}-${process.arch}` === TARGET)('building tfjs-node', () => {
  const sandbox = new Sandbox()
  const cache = () => sandbox.path('cache')
  const build = () => buildTfjsNode({ cacheDirectory: cache(), project: sandbox.folder })

  beforeEach(() => {
    vi.stubEnv('npm_execpath', '')
    vi.stubEnv('CXX', '')
  })
  afterEach(() => vi.unstubAllEnvs())

  it('says how to get a compiler before anything is fetched', async () => {
    await expect(build()).rejects.toThrow(/no C\+\+ compiler was found \(tried g\+\+\).*apt install g\+\+/)
    vi.stubEnv('CXX', 'clang++-99 -m64')
    await expect(build()).rejects.toThrow(/tried clang\+\+-99/)
    expect(existsSync(cache())).toBe(false)
  })

  it('says that npm is missing', async () => {
    sandbox.program('g++', works)
    await expect(build()).rejects.toThrow(/npm, which fetches the sources of tfjs-node, was not found/)
  })

  it('says that pip is missing', async () => {
    sandbox.program('g++', works)
    sandbox.program('npm', works)
    await expect(build()).rejects.toThrow(EngineBuildError)
    await expect(build()).rejects.toThrow(/pip, which fetches TensorFlow, was not found.*python3-pip.*--python/)
    await expect(buildTfjsNode({ cacheDirectory: cache(), python: '/nowhere/python' })).rejects.toThrow(
      /tried \/nowhere\/python/,
    )
  })

  it('refuses another TensorFlow than the pinned one, and leaves nothing to be taken for it', async () => {
    for (const name of ['g++', 'npm']) sandbox.program(name, works)
    sandbox.program('python3', pip)
    vi.stubEnv('PIP_SERVES', sandbox.write('other.whl', zip({ 'tensorflow/libtensorflow_cc.so.2': 'other' })))
    await expect(build()).rejects.toThrow(
      /served\.whl: this is not the file .* SHA-256 is [0-9a-f]{64}, expected 05af7c26/,
    )
    const place = tfjsNodePlace('cpu', cache())
    expect(existsSync(place.tensorflow)).toBe(false)
    expect(existsSync(place.build)).toBe(false)
  })

  it('refuses other sources of tfjs-node than the pinned ones', async () => {
    sandbox.program('g++', works)
    sandbox.program('npm', npm)
    const place = tfjsNodePlace('cpu', cache())
    await writeDirectoryAtomic(place.tensorflow, async () => {})
    await expect(build()).rejects.toThrow(/package-1\.tgz: this is not the file .* SHA-512 is .*, expected uHrXeUlfgk/)
    expect(existsSync(place.build)).toBe(false)
  })

  it('passes on what npm says when it cannot fetch', async () => {
    sandbox.program('g++', works)
    sandbox.program('npm', 'case "$1" in pack) echo "network is down" >&2; exit 1;; esac')
    await writeDirectoryAtomic(tfjsNodePlace('cpu', cache()).tensorflow, async () => {})
    await expect(build()).rejects.toThrow(/could not fetch @tensorflow\/tfjs-node@4\.22\.0.*\nnetwork is down/)
  })

  it('shows what the compiler complains of', async () => {
    sandbox.program('g++', 'echo "tfjs_binding.cc: error: no such thing" >&2; exit 1')
    const options = {
      package: '/p',
      nodeHeaders: '/h',
      tensorflow: '/t',
      runPath: ['/t'],
      addon: sandbox.path('a.node'),
    }
    await expect(compileAddon(options)).rejects.toThrow(/did not compile[\s\S]*error: no such thing/)
  })

  it('is refused on another processor or system', async () => {
    const arch = vi.spyOn(process, 'arch', 'get').mockReturnValue('arm64')
    await expect(build()).rejects.toThrow(/on linux-x64 only; this is linux-arm64\. Use the engines xla or wasm/)
    arch.mockRestore()
  })

  describe('TensorFlow', () => {
    const wheel = () =>
      sandbox.write('right.whl', zip(Object.fromEntries(TENSORFLOW_FILES.map((file) => [file, file]))))
    const partsOf = async (path: string) => ({
      package: { name: 'p', version: '1', integrity: '' },
      wheels: [
        {
          name: 'tensorflow-cpu',
          version: '1.0',
          [TARGET]: { tag: 'any', sha256: await digestFile(path, 'sha256', 'hex'), bytes: 100, unpacked: 100 },
        },
      ],
    })
    const fetch = async (path: string, served: string) => {
      vi.stubEnv('PIP_SERVES', served)
      sandbox.program('python3', pip)
      const messages: string[] = []
      const place = tfjsNodePlace('cpu', cache())
      const options = { pip: ['python3', '-m', 'pip'] as const, parts: await partsOf(path) }
      await fetchTensorFlow(place, { ...options, onProgress: (message) => messages.push(message) })
      return { place, messages }
    }

    it('is unpacked once, of its wheel only what an addon needs', async () => {
      const path = wheel()
      const { place, messages } = await fetch(path, path)
      expect(messages[0]).toMatch(/^Downloading 1 of 1: tensorflow-cpu 1\.0/)
      expect(await isCompleteDirectory(place.tensorflow)).toBe(true)
      expect(TENSORFLOW_FILES.every((file) => existsSync(`${place.tensorflow}/${file}`))).toBe(true)
      expect((await fetch(path, '/nowhere')).messages).toEqual(['TensorFlow 1.0 is here already'])
    })

    it('whose wheel lacks a file is refused', async () => {
      const path = sandbox.write('lacking.whl', zip({ 'tensorflow/libtensorflow_cc.so.2': '' }))
      await expect(fetch(path, path)).rejects.toThrow(/lacks tensorflow\/libtensorflow_framework\.so\.2/)
      expect(existsSync(tfjsNodePlace('cpu', cache()).tensorflow)).toBe(false)
    })

    it('is not downloaded again when an attempt was broken off behind the download', async () => {
      const path = wheel()
      const place = tfjsNodePlace('cpu', cache())
      await expect(fetch(path, sandbox.write('other.whl', 'other'))).rejects.toThrow(/SHA-256/)
      sandbox.write(
        `${place.tensorflow.slice(sandbox.folder.length + 1)}.wheels/tensorflow-cpu-1.0.whl`,
        zip(Object.fromEntries(TENSORFLOW_FILES.map((file) => [file, file]))),
      )
      expect((await fetch(path, '/nowhere')).messages).toEqual([expect.stringMatching(/^Unpacking/)])
    })
  })
})
