import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sourceLoader } from '../install/source-loader'
import { PjrtClient } from '../pjrt/index'
import { addProgram, f32, needsPlugin, testPlugin } from '../pjrt/testing'
import { compileCached } from './compile'
import { DiskCache } from './disk-cache'

describe.skipIf(!testPlugin)(`compileCached${needsPlugin}`, () => {
  let client: PjrtClient
  let folder: string
  beforeAll(() => {
    client = PjrtClient.create(testPlugin!, { deviceCount: 2 })
    folder = mkdtempSync(join(tmpdir(), 'babble-'))
  })
  afterAll(() => {
    client.dispose()
    rmSync(folder, { recursive: true })
  })

  let next = 0
  const newCache = () => new DiskCache(join(folder, String(next++)))
  const compile = (cache: DiskCache, text = addProgram(2, true), worthKeeping = 0) =>
    compileCached({ client, cache, text, outputs: [f32(2)], worthKeeping })
  const vector = (...values: number[]) => client.bufferFromHost(Float32Array.from(values), f32(values.length))

  it('stores a program and loads it, with its donations', () => {
    const cache = newCache()
    compile(cache)
    expect([cache.hits, cache.writes]).toEqual([0, 1])
    const loaded = compile(cache)
    expect([cache.hits, cache.writes]).toEqual([1, 1])
    expect(loaded.memoryStats().aliased).toBe(8)
    const [state, step] = [vector(1, 2), vector(10, 20)]
    const [sum] = loaded.execute([state, step])
    expect([...new Float32Array(sum!.read())]).toEqual([11, 22])
    expect(state.isDisposed).toBe(true)
  })

  it('keeps programs with other options or text apart', () => {
    const cache = newCache()
    compile(cache)
    compile(cache, addProgram(2))
    const partitioning = { devices: 2, inputs: ['replicated', 'replicated'], outputs: ['replicated'] } as const
    compileCached({
      client,
      cache,
      text: addProgram(2, true),
      outputs: [f32(2)],
      worthKeeping: 0,
      options: { partitioning },
    })
    expect([cache.hits, cache.writes]).toEqual([0, 3])
  })

  it('does not store what compiles in no time', () => {
    const cache = newCache()
    compile(cache, addProgram(2), 600_000)
    expect(cache.writes).toBe(0)
  })

  it('compiles anew and replaces an entry that the plugin does not take', () => {
    const cache = newCache()
    compile(cache)
    const [entry] = readdirSync(cache.directory)
    const key = entry!.replace('.xla', '')
    // Whole by its checksum, and yet no program.
    cache.put(key, new TextEncoder().encode('no serialized program'))
    const program = compile(cache)
    expect([...new Float32Array(program.execute([vector(1, 2), vector(3, 4)])[0]!.read())]).toEqual([4, 6])
    expect(cache.writes).toBe(3)
    compile(cache).execute([vector(1, 2), vector(3, 4)])
    expect([cache.hits, cache.writes]).toEqual([2, 3])
  })

  it('lets a later process skip compiling', () => {
    const cache = newCache()
    const source = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
    const script = `
      import { PjrtClient } from ${source('../pjrt/index.ts')}
      import { compileCached } from ${source('./compile.ts')}
      import { DiskCache } from ${source('./disk-cache.ts')}
      const client = PjrtClient.create(${JSON.stringify(testPlugin)}, { deviceCount: 2 })
      const cache = new DiskCache(${JSON.stringify(cache.directory)})
      const spec = { type: 'f32', dims: [2] }
      const outputs = [spec]
      const program = compileCached({ client, cache, text: ${JSON.stringify(addProgram(2))}, outputs, worthKeeping: 0 })
      const input = client.bufferFromHost(new Float32Array([3, 4]), spec)
      const [sum] = program.execute([input, input])
      console.log(cache.hits, cache.writes, ...new Float32Array(sum.read()))`
    const run = () =>
      spawnSync(process.execPath, [...sourceLoader, '--input-type=module', '-e', script], { encoding: 'utf8' }).stdout
    expect(run()).toBe('0 1 6 8\n')
    expect(run()).toBe('1 0 6 8\n')
    const [entry] = readdirSync(cache.directory)
    const path = join(cache.directory, entry!)
    writeFileSync(path, readFileSync(path).subarray(0, 200))
    expect(run()).toBe('0 1 6 8\n')
    expect(run()).toBe('1 0 6 8\n')
  })
})
