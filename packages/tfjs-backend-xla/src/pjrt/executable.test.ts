import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PjrtBuffer } from './buffer'
import { PjrtClient } from './client'
import { XlaError } from './errors'
import { addProgram, f32, needsPlugin, testPlugin } from './testing'

describe.skipIf(!testPlugin)(`PjrtExecutable${needsPlugin}`, () => {
  let client: PjrtClient
  beforeAll(() => {
    client = PjrtClient.create(testPlugin!)
  })
  afterAll(() => client.dispose())

  const vector = (...values: number[]) => client.bufferFromHost(Float32Array.from(values), f32(values.length))
  const values = (buffer: PjrtBuffer | undefined) => [...new Float32Array(buffer!.read())]

  it('multiplies matrices and returns several results', () => {
    const text = `module @product {
      func.func @main(%a: tensor<2x3xf32>, %b: tensor<3x2xf32>) -> (tensor<2x2xf32>, tensor<3x2xf32>) {
        %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0]
          : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
        %1 = stablehlo.negate %b : tensor<3x2xf32>
        return %0, %1 : tensor<2x2xf32>, tensor<3x2xf32>
      }
    }`
    const program = client.compile(text, [f32(2, 2), f32(3, 2)])
    expect(program.name).toBe('product')
    const a = client.bufferFromHost(Float32Array.of(1, 2, 3, 4, 5, 6), f32(2, 3))
    const b = client.bufferFromHost(Float32Array.of(7, 8, 9, 10, 11, 12), f32(3, 2))
    const [product, negative] = program.execute([a, b])
    expect(values(product)).toEqual([58, 64, 139, 154])
    expect(values(negative)).toEqual([-7, -8, -9, -10, -11, -12])
    expect(product!.spec).toEqual(f32(2, 2))
  })

  it('runs programs without inputs, and without results', () => {
    const constant = client.compile(
      'func.func @main() -> tensor<2xf32> { %0 = stablehlo.constant dense<[1.5, 2.5]> : tensor<2xf32> return %0 : tensor<2xf32> }',
      [f32(2)],
    )
    expect(values(constant.execute([])[0])).toEqual([1.5, 2.5])
    const nothing = client.compile('func.func @main(%a: tensor<2xf32>) { return }', [])
    expect(nothing.execute([vector(1, 2)])).toEqual([])
  })

  it('refuses inputs of another number, type or shape, of which XLA would check the bytes only', () => {
    const add = client.compile(addProgram(6), [f32(6)])
    const six = vector(1, 2, 3, 4, 5, 6)
    const integers = client.bufferFromHost(new Int32Array(6), { type: 'i32', dims: [6] })
    const matrix = client.bufferFromHost(new Float32Array(6), f32(2, 3))
    expect(() => add.execute([six])).toThrow("The program 'add' takes 2 inputs, not 1")
    expect(() => add.execute([six, integers])).toThrow(
      "Input 1 of 'add' is tensor<6xi32>; the program takes tensor<6xf32>",
    )
    expect(() => add.execute([matrix, six])).toThrow("Input 0 of 'add' is tensor<2x3xf32>; the program takes")
  })

  it('refuses a disposed input and a disposed program', () => {
    const add = client.compile(addProgram(2), [f32(2)])
    const [a, b] = [vector(1, 2), vector(3, 4)]
    b.dispose()
    expect(() => add.execute([a, b])).toThrow("Input 1 of 'add' (tensor<2xf32>) has been disposed")
    add.dispose()
    expect(() => add.execute([a, a])).toThrow(/'add' has been disposed/)
    expect(() => add.memoryStats()).toThrow(/'add' has been disposed/)
  })

  it('takes the memory of donated inputs and leaves the others', () => {
    const add = client.compile(addProgram(2, true), [f32(2)])
    expect(add.donatedInputs).toEqual([0])
    expect(add.memoryStats()).toMatchObject({ arguments: 16, outputs: 8, aliased: 8 })
    const [state, step] = [vector(1, 2), vector(10, 20)]
    const [next] = add.execute([state, step])
    expect(state.isDisposed).toBe(true)
    expect(step.isDisposed).toBe(false)
    expect(values(next)).toEqual([11, 22])
    expect(() => state.read()).toThrow('was donated to an earlier execution')
    expect(() => add.execute([state, step])).toThrow("Input 0 of 'add' (tensor<2xf32>) was donated")
  })

  it('leaves a donated input untouched where the call asks for it', () => {
    const add = client.compile(addProgram(2, true), [f32(2)])
    const [state, step] = [vector(1, 2), vector(10, 20)]
    const [next] = add.execute([state, step], { nonDonatable: [0] })
    expect(values(next)).toEqual([11, 22])
    expect(values(state)).toEqual([1, 2])
    expect(values(add.execute([state, state], { nonDonatable: [0] })[0])).toEqual([2, 4])
    expect(() => add.execute([state, step], { nonDonatable: [2] })).toThrow('there is no input 2')
  })

  it('lets a donated buffer stand for the result that continues it, unless it keeps its memory', async () => {
    const add = client.compile(addProgram(2, true), [f32(2)])
    const [state, step] = [vector(1, 2), vector(10, 20)]
    const continues = Int32Array.of(0)
    const before = [client.liveObjectCount, client.liveBytes]
    for (let i = 0; i < 100; i++) expect(add.execute([state, step], { continues })[0]).toBe(state)
    expect(values(state)).toEqual([1001, 2002])
    expect([client.liveObjectCount, client.liveBytes]).toEqual(before)
    await new Promise(setImmediate)
    expect(values(state)).toEqual([1001, 2002])
    const [next] = add.execute([state, step], { continues, nonDonatable: [0] })
    expect([values(state), values(next)]).toEqual([
      [1001, 2002],
      [1011, 2022],
    ])
    expect(add.execute([state, step])[0]).not.toBe(state)
    expect(state.isDisposed).toBe(true)
  })

  it('runs again and again on buffers that stay, and takes just the fresh ones', async () => {
    const add = client.compile(addProgram(2, true), [f32(2)])
    const [state, step] = [vector(1, 2), vector(10, 20)]
    const resident = add.keepResident([state, step], [1], Int32Array.of(0))
    const before = [client.liveObjectCount, client.liveBytes]
    for (let i = 0; i < 300; i++) expect(add.executeResident(resident, [[1, step]])).toEqual([])
    expect(values(state)).toEqual([3001, 6002])
    await new Promise(setImmediate)
    expect([client.liveObjectCount, client.liveBytes]).toEqual(before)
    add.executeResident(resident, [[1, vector(-1, -2)]])
    expect(values(state)).toEqual([3000, 6000])
    expect(() => add.executeResident(resident, [[1, vector(1, 2, 3)]])).toThrow('Input 1 of')
    expect(() => add.keepResident([state, step], [0], Int32Array.of(0))).toThrow("Input 0 of 'add' is donated")
    expect(() => add.keepResident([state, step], [1], Int32Array.of(-1))).toThrow("Input 0 of 'add' is donated")
  })

  it('refuses one buffer given twice when one of the two is donated, and keeps it', () => {
    const add = client.compile(addProgram(2, true), [f32(2)])
    const state = vector(1, 2)
    expect(() => add.execute([state, state])).toThrow("Inputs 1 and 0 of 'add' are one buffer, and input 0 is donated")
    expect(values(state)).toEqual([1, 2])
  })

  it('reports a failed execution with its code, and works on', () => {
    // More than the address space holds, so no system can grant it.
    const type = `tensor<${2 ** 46}xf32>`
    const text = `func.func @main(%a: tensor<f32>) -> ${type} {
      %big = stablehlo.broadcast_in_dim %a, dims = [] : (tensor<f32>) -> ${type}
      return %big : ${type}
    }`
    const scalar = client.bufferFromHost(Float32Array.of(1), f32())
    let error: unknown
    try {
      const [big] = client.compile(text, [f32(2 ** 46)]).execute([scalar])
      big!.read()
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(XlaError)
    expect((error as XlaError).code).toBe('RESOURCE_EXHAUSTED')
    expect(values(scalar)).toEqual([1])
  })

  it('carries state through thousands of donated steps with flat memory', () => {
    const length = 1 << 18
    const add = client.compile(addProgram(length, true), [f32(length)])
    const one = client.bufferFromHost(new Float32Array(length).fill(1), f32(length))
    let state = client.bufferFromHost(new Float32Array(length), f32(length))
    const step = () => {
      state = add.execute([state, one])[0]!
    }
    for (let i = 0; i < 100; i++) step()
    state.read()
    const [objects, bytes] = [client.liveObjectCount, process.memoryUsage.rss()]
    for (let i = 0; i < 2000; i++) step()
    expect(new Float32Array(state.read())[length - 1]).toBe(2100)
    expect(client.liveObjectCount).toBe(objects)
    // Two thousand results of 1 MiB: a leak of one in fifty would show.
    expect(process.memoryUsage.rss() - bytes).toBeLessThan(40 * 2 ** 20)
  })

  it('keeps memory flat over undonated steps whose results are disposed', () => {
    const length = 1 << 18
    const add = client.compile(addProgram(length), [f32(length)])
    const one = client.bufferFromHost(new Float32Array(length).fill(1), f32(length))
    const step = () => {
      const [sum] = add.execute([one, one])
      sum!.read()
      sum!.dispose()
    }
    for (let i = 0; i < 100; i++) step()
    const [objects, bytes] = [client.liveObjectCount, process.memoryUsage.rss()]
    for (let i = 0; i < 1000; i++) step()
    expect(client.liveObjectCount).toBe(objects)
    expect(process.memoryUsage.rss() - bytes).toBeLessThan(300 * 2 ** 20)
  })
})
