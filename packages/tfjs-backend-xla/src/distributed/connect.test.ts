import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type * as tf from '@tensorflow/tfjs-core'
import { afterEach, describe, expect, it } from 'vitest'
import { sourceLoader } from '../install/source-loader'
import { split } from '../jit/partition'
import { PjrtClient } from '../pjrt/index'
import { testPlugin } from '../pjrt/testing'
import { connectKeyValueStore, type KeyValueStore } from './connect'
import { NativeStore } from './native-store.fixture'

const open: KeyValueStore[] = []
const join = async (rank: number, worldSize: number, port: number, timeoutMs = 10_000) => {
  const store = await connectKeyValueStore({ rank, worldSize, localRank: rank, host: '127.0.0.1', port }, { timeoutMs })
  open.push(store)
  return store
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((store) => store.close()))
})

// The callbacks are called as PJRT calls them: natively, from another thread (`Async`) or from the one that is blocked.
describe('connectKeyValueStore', () => {
  it('hands out functions that put, get and try to get, from any thread', async () => {
    const store = await join(0, 2, 0)
    const native = new NativeStore(store)
    expect(await native.putAsync('topology/0', 'eight devices\0and a zero byte')).toEqual({ code: 0 })
    expect(await native.getAsync('topology/0', 1000)).toEqual({ code: 0, value: 'eight devices\0and a zero byte' })
    expect(native.get('topology/0', 1000)).toEqual({ code: 0, value: 'eight devices\0and a zero byte' })
    expect(native.put('empty', '')).toEqual({ code: 0 })
    expect(native.tryGet('empty')).toEqual({ code: 0, value: '' })
  })

  it("answers with absl's codes: not found, deadline exceeded, already exists", async () => {
    const native = new NativeStore(await join(0, 2, 0))
    expect(await native.tryGetAsync('absent')).toEqual({ code: 5, message: "key-value store: 'absent': absent" })
    expect(await native.getAsync('absent', 50)).toEqual({ code: 4, message: "key-value store: 'absent': timeout" })
    native.put('key', 'first')
    expect(await native.putAsync('key', 'second')).toMatchObject({ code: 6 })
    expect(native.tryGet('key')).toEqual({ code: 0, value: 'first' })
  })

  it('lets a process wait for what another one puts later', async () => {
    const first = await join(0, 2, 0)
    const second = new NativeStore(await join(1, 2, first.port))
    const waiting = second.getAsync('clique', 10_000)
    await new Promise((resolve) => setTimeout(resolve, 100))
    // Blocks this thread; the other side is blocked already.
    new NativeStore(first).put('clique', 'id of the clique')
    expect(await waiting).toEqual({ code: 0, value: 'id of the clique' })
  })

  it('carries large values', async () => {
    const native = new NativeStore(await join(0, 2, 0))
    const value = 'topology '.repeat(200_000)
    native.put('large', value)
    expect((await native.getAsync('large', 1000)).value).toBe(value)
  })

  it('joins separate processes, whichever starts first', async () => {
    const source = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
    const probe = createServer().listen(0)
    await once(probe, 'listening')
    const { port } = probe.address() as { port: number }
    probe.close()
    const script = `
      import { connectKeyValueStore } from ${source('./connect.ts')}
      import { processGroupFromEnvironment } from ${source('./launcher.ts')}
      import { NativeStore } from ${source('./native-store.fixture.ts')}
      const group = processGroupFromEnvironment()
      const store = await connectKeyValueStore(group)
      const native = new NativeStore(store)
      native.put('node/' + group.rank, 'devices of ' + group.rank)
      const other = 1 - group.rank
      console.log(native.get('node/' + other, 20000).value)
      // Process 0 keeps the store until the other has read from it.
      native.put('done/' + group.rank, '')
      // An error would be made on this thread, which therefore must not block: the other one may have gone.
      await native.getAsync('done/' + other, 20000)
      await store.close()`
    const run = (rank: number) => {
      const environment = { RANK: `${rank}`, WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: `${port}` }
      const child = spawn(process.execPath, [...sourceLoader, '--input-type=module', '-e', script], {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let text = ''
      child.stdout.on('data', (chunk) => {
        text += chunk
      })
      return once(child, 'close').then(([code]) => ({ code, text }))
    }
    const second = run(1)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await run(0)).toEqual({ code: 0, text: 'devices of 1\n' })
    expect(await second).toEqual({ code: 0, text: 'devices of 0\n' })
  })

  it('says where process 0 was expected, and when its port is taken', async () => {
    await expect(join(1, 2, 9, 300)).rejects.toThrow(/process 0 was not reached at 127\.0\.0\.1:9 within 0\.3 s/)
    const { port } = await join(0, 2, 0)
    await expect(join(0, 2, port)).rejects.toThrow(/EADDRINUSE/)
  })
})

describe('a client of several processes', () => {
  it.skipIf(!testPlugin)('is refused by a plugin that knows none, with a sentence', async () => {
    const keyValueStore = await join(0, 2, 0)
    expect(() => PjrtClient.create(testPlugin!, { distributed: { rank: 0, worldSize: 2, keyValueStore } })).toThrow(
      /takes no part in runs of several processes/,
    )
  })

  it('traces a batch with the rows of all processes, each of which uses all its devices', () => {
    const devices = { allIds: [0, 1, 2, 3, 4, 5], localIds: [2, 3] }
    const client = { deviceCount: 2, devices } as never
    const batch = [
      { shape: [4, 7], dtype: 'float32', rank: 2 },
      { shape: [2], dtype: 'int32', rank: 1 },
    ] as tf.Tensor[]
    const spread = (count: number) => split('step', batch, ['[0].x', '[1]'], { devices: count, sharded: [0] }, client)
    expect(spread(2)).toEqual({ devices: 6, cut: [true, false], shapes: [[12, 7], [2]] })
    expect(() => spread(1)).toThrow(/1 devices of each process, and there are 2/)
  })
})
