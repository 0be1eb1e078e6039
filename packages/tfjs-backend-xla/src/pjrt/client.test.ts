import { spawnSync } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sourceLoader } from '../install/source-loader'
import { PjrtClient } from './client'
import { encodeCompileOptions } from './compile-options'
import { XlaError } from './errors'
import { addProgram, f32, needsPlugin, testPlugin } from './testing'

describe.skipIf(!testPlugin)(`PjrtClient${needsPlugin}`, () => {
  let client: PjrtClient
  beforeAll(() => {
    client = PjrtClient.create(testPlugin!)
  })
  afterAll(() => client.dispose())

  it('opens one CPU device and says what it is', () => {
    expect(client.platformName).toBe('cpu')
    expect(client.deviceCount).toBe(1)
    expect(client.apiVersion.major).toBe(0)
    expect(client.apiVersion.minor).toBeGreaterThanOrEqual(100)
  })

  it('opens as many devices as asked for, and runs a program on the one its options name', () => {
    const two = PjrtClient.create(testPlugin!, { deviceCount: 2 })
    expect(two.deviceCount).toBe(2)
    const compileOptions = encodeCompileOptions({ devices: [1] })
    const add = two.compile(addProgram(2), [f32(2)], { compileOptions })
    const input = two.bufferFromHost(new Float32Array([1, 2]), f32(2), { device: 1 })
    expect([...new Float32Array(add.execute([input, input])[0]!.read())]).toEqual([2, 4])
    expect(() => two.bufferFromHost(new Float32Array(2), f32(2), { device: 2 })).toThrow(
      /no device 2; this client has 2/,
    )
    two.dispose()
  })

  it('refuses a number of devices that is none', () => {
    expect(() => PjrtClient.create(testPlugin!, { deviceCount: 0 })).toThrow(XlaError)
  })

  // Other builds of XLA pass over options they do not know.
  it.runIf(testPlugin?.includes('lammps'))('reports a create option the plugin does not know', () => {
    expect(() => PjrtClient.create(testPlugin!, { createOptions: { no_such_option: true } })).toThrow(/no_such_option/)
  })

  it('says where a program is wrong, and only that', () => {
    const wrong = addProgram(2).replace('stablehlo.add', 'stablehlo.no_such_op')
    let error: unknown
    try {
      client.compile(wrong, [f32(2)])
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(XlaError)
    expect((error as XlaError).message).toBe("program:3:14: error: custom op 'stablehlo.no_such_op' is unknown")
  })

  it('reports a shape error with its line and column', () => {
    const wrong = addProgram(2).replace('%b: tensor<2xf32>', '%b: tensor<3xf32>')
    expect(() => client.compile(wrong, [f32(2)])).toThrow(/^program:3:\d+: error: .*tensor<2xf32>/s)
  })

  it('refuses results declared with another type, shape or number than the program returns', () => {
    const text = addProgram(2)
    expect(() => client.compile(text, [f32(3)])).toThrow('Result 0 of the program is tensor<2xf32>, not tensor<3xf32>')
    expect(() => client.compile(text, [{ type: 'i32', dims: [2] }])).toThrow('not tensor<2xi32> as declared')
    expect(() => client.compile(text, [])).toThrow('The program returns 1 results, not 0')
  })

  it('compiles in the background while JavaScript goes on, also what recurses too deep for a small stack', async () => {
    const type = 'tensor<8xf32>'
    const length = 2500
    const chain = Array.from({ length }, (_, i) =>
      i % 2 ? `%${i + 1} = stablehlo.add %${i}, %0 : ${type}` : `%${i + 1} = stablehlo.sqrt %${i} : ${type}`,
    )
    const text = `func.func @main(%0: ${type}) -> ${type} {\n${chain.join('\n')}\nreturn %${length} : ${type} }`
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    const program = await client.compileAsync(text, [f32(8)])
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(3)
    let expected = 0.25
    for (let i = 0; i < length; i++) expected = i % 2 ? expected + 0.25 : Math.sqrt(expected)
    const [result] = program.execute([client.bufferFromHost(new Float32Array(8).fill(0.25), f32(8))])
    expect(new Float32Array(result!.read())[7]).toBeCloseTo(expected, 6)
  })

  it('rejects with the error of a background compilation', async () => {
    await expect(client.compileAsync('func.func @main() { nonsense }', [])).rejects.toThrow(/nonsense/)
  })

  it('waits for a background compilation before it closes, which then fails', async () => {
    const other = PjrtClient.create(testPlugin!)
    const compiling = other.compileAsync(addProgram(3), [f32(3)])
    other.dispose()
    await expect(compiling).rejects.toThrow(/client has been disposed/)
    expect(other.liveObjectCount).toBe(0)
  })

  it('frees everything it handed out when it is disposed, and can be used no more', async () => {
    const other = PjrtClient.create(testPlugin!)
    const buffer = other.bufferFromHost(new Float32Array(2), f32(2))
    const add = other.compile(addProgram(2), [f32(2)])
    const reading = buffer.readAsync()
    other.dispose()
    await expect(reading).resolves.toHaveProperty('byteLength', 8)
    expect(other.liveObjectCount).toBe(0)
    expect(() => buffer.read()).toThrow(/client that has been disposed/)
    expect(() => add.execute([buffer, buffer])).toThrow(/client that has been disposed/)
    expect(() => other.bufferFromHost(new Float32Array(2), f32(2))).toThrow(/client has been disposed/)
    expect(() => other.compile(addProgram(2), [f32(2)])).toThrow(/client has been disposed/)
    other.dispose()
  })

  it('refuses buffers of another client', () => {
    const other = PjrtClient.create(testPlugin!)
    const foreign = other.bufferFromHost(new Float32Array(2), f32(2))
    const add = client.compile(addProgram(2), [f32(2)])
    expect(() => add.execute([foreign, foreign])).toThrow("Input 0 of 'add' is of another client")
    other.dispose()
  })

  const source = (file: string) => new URL(file, import.meta.url).href
  const script = `
    import { PjrtClient } from ${JSON.stringify(source('./index.ts'))}
    const client = PjrtClient.create(${JSON.stringify(testPlugin)})
    const spec = { type: 'f32', dims: [2] }
    const add = client.compile(${JSON.stringify(addProgram(2))}, [spec])
    const input = client.bufferFromHost(new Float32Array([3, 4]), spec)
    const [sum] = add.execute([input, input])
    const result = [...new Float32Array(await sum.readAsync())].join(' ')
    add.execute([input, input])`

  it('lets the process end cleanly and quietly with nothing disposed and a computation in flight', () => {
    const args = [...sourceLoader, '--input-type=module', '-e', `${script}; console.log(result)`]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '6 8\n', stderr: '' })
  })

  it('works in worker threads, each with a client of its own', async () => {
    const code = `${script}; (await import('node:worker_threads')).parentPort.postMessage(result)`
    const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`)
    const run = () =>
      new Promise((resolve, reject) => {
        const worker = new Worker(url, { execArgv: [...sourceLoader] })
        worker.once('message', resolve)
        worker.once('error', reject)
      })
    expect(await Promise.all([run(), run()])).toEqual(['6 8', '6 8'])
  })
})

describe('PjrtClient.create', () => {
  it('names a file that is not there', () => {
    expect(() => PjrtClient.create('/nowhere/plugin.so')).toThrow(/Cannot load the PJRT plugin \/nowhere\/plugin\.so/)
  })

  it.runIf(process.platform === 'linux')('refuses a library that is no plugin', () => {
    expect(() => PjrtClient.create('libm.so.6')).toThrow(/libm\.so\.6 is no PJRT plugin/)
  })
})
