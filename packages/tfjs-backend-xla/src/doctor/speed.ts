import type { PjrtClient, PjrtExecutable, TensorSpec } from '../pjrt/index'
import type { SpeedReport } from './report'

/** How long each repeated measurement runs, in milliseconds, about. */
const BUDGET_MS = 1000
const MOST_TURNS = 1 << 20
const COPY_BYTES = 64 * 1024 * 1024
const CPU_MATRIX = 2048
const GPU_MATRIX = 8192
const CPU_VECTOR = 1 << 24
const GPU_VECTOR = 1 << 27

const scalar = (type: 'f32' | 'i32'): TensorSpec => ({ type, dims: [] })

/** Measures what the first device does, in less than ten seconds on an idle machine. */
export function measureSpeed(client: PjrtClient): SpeedReport {
  const isCpu = client.platformName.toLowerCase() === 'cpu'
  const size = isCpu ? CPU_MATRIX : GPU_MATRIX
  const dispatchMs = measureDispatch(client)
  return {
    matmulF32: matmulRate(client, size, 'f32'),
    matmulBf16: orUndefined(() => matmulRate(client, size, 'bf16')),
    matmulSize: size,
    memoryBandwidth: bandwidth(client, isCpu ? CPU_VECTOR : GPU_VECTOR),
    ...copyRates(client, dispatchMs),
    dispatchMicroseconds: dispatchMs * 1000,
  }
}

/** GFLOP/s of repeated products with one square matrix, whose entries of 1/size keep the values as they are. */
function matmulRate(client: PjrtClient, size: number, type: 'f32' | 'bf16'): number {
  const matrix = `tensor<${size}x${size}x${type}>`
  const product =
    type === 'f32'
      ? `%p = stablehlo.dot_general %y, %w, contracting_dims = [1] x [0] : (${matrix}, ${matrix}) -> ${matrix}`
      : `%q = stablehlo.dot_general %y, %w, contracting_dims = [1] x [0] : (${matrix}, ${matrix}) -> tensor<${size}x${size}xf32>
         %p = stablehlo.convert %q : (tensor<${size}x${size}xf32>) -> ${matrix}`
  const program = repeated(type, [size, size], product)
  const millisecondsEach = timeRepeated(client, client.compile(program, [scalar('f32')]))
  return (2 * size ** 3) / millisecondsEach / 1e6
}

/** GB/s read and written by an op on a vector larger than the caches. */
function bandwidth(client: PjrtClient, length: number): number {
  const vector = `tensor<${length}xf32>`
  const program = repeated('f32', [length], `%p = stablehlo.negate %y : ${vector}`)
  const millisecondsEach = timeRepeated(client, client.compile(program, [scalar('f32')]))
  return (2 * 4 * length) / millisecondsEach / 1e6
}

/**
 * A program that applies `body` (from `%y` and `%w` to `%p`) as often as its argument says, and returns one number of the
 * result. The loop keeps the compiler from leaving out what nobody looks at.
 */
function repeated(type: string, dims: readonly number[], body: string): string {
  const tensor = `tensor<${dims.join('x')}x${type}>`
  const one = `tensor<${dims.map(() => 1).join('x')}x${type}>`
  const corner = dims.map(() => '0:1').join(', ')
  return `module @speed {
    func.func public @main(%count: tensor<i32>, %start: tensor<f32>) -> tensor<f32> {
      %zero = stablehlo.constant dense<0> : tensor<i32>
      %one = stablehlo.constant dense<1> : tensor<i32>
      %s = stablehlo.convert %start : (tensor<f32>) -> tensor<${type}>
      %x = stablehlo.broadcast_in_dim %s, dims = [] : (tensor<${type}>) -> ${tensor}
      %scale = stablehlo.constant dense<${(1 / dims[0]!).toExponential()}> : tensor<${type}>
      %b = stablehlo.broadcast_in_dim %scale, dims = [] : (tensor<${type}>) -> ${tensor}
      %r:3 = stablehlo.while(%i = %zero, %y = %x, %w = %b) : tensor<i32>, ${tensor}, ${tensor}
      cond {
        %more = stablehlo.compare LT, %i, %count : (tensor<i32>, tensor<i32>) -> tensor<i1>
        stablehlo.return %more : tensor<i1>
      } do {
        ${body}
        %j = stablehlo.add %i, %one : tensor<i32>
        stablehlo.return %j, %p, %w : tensor<i32>, ${tensor}, ${tensor}
      }
      %corner = stablehlo.slice %r#1 [${corner}] : (${tensor}) -> ${one}
      %number = stablehlo.reshape %corner : (${one}) -> tensor<${type}>
      %result = stablehlo.convert %number : (tensor<${type}>) -> tensor<f32>
      return %result : tensor<f32>
    }
  }`
}

/** Milliseconds of one turn of a program made by {@link repeated}. */
function timeRepeated(client: PjrtClient, executable: PjrtExecutable): number {
  const run = (count: number): number => {
    const inputs = [
      client.bufferFromHost(Int32Array.of(count), scalar('i32')),
      client.bufferFromHost(Float32Array.of(1), scalar('f32')),
    ]
    const begin = performance.now()
    const [result] = executable.execute(inputs)
    result!.read()
    const elapsed = performance.now() - begin
    for (const buffer of [...inputs, result!]) buffer.dispose()
    return elapsed
  }
  try {
    run(1)
    // Doubled from the start: a guess from few turns may be wrong by any factor on a busy machine.
    let count = 1
    while (run(count) < BUDGET_MS / 4 && count < MOST_TURNS) count *= 2
    const empty = Math.min(run(0), run(0))
    return Math.min(...[0, 1].map(() => Math.max(run(count) - empty, 1e-6) / count))
  } finally {
    executable.dispose()
  }
}

/** Milliseconds from starting a program of one addition to having its result on the host. */
function measureDispatch(client: PjrtClient): number {
  const executable = client.compile(
    `module @dispatch {
      func.func public @main(%a: tensor<f32>) -> tensor<f32> {
        %b = stablehlo.add %a, %a : tensor<f32>
        return %b : tensor<f32>
      }
    }`,
    [scalar('f32')],
  )
  const input = client.bufferFromHost(Float32Array.of(1), scalar('f32'))
  const run = () => {
    const begin = performance.now()
    const [result] = executable.execute([input])
    result!.read()
    result!.dispose()
    return performance.now() - begin
  }
  const times = Array.from({ length: 300 }, run)
  executable.dispose()
  input.dispose()
  return median(times.slice(100))
}

/** GB/s between host and device, in both directions. */
function copyRates(client: PjrtClient, dispatchMs: number): { hostToDevice: number; deviceToHost: number } {
  const length = COPY_BYTES / 4
  const spec: TensorSpec = { type: 'f32', dims: [length] }
  const first = client.compile(
    `module @first {
      func.func public @main(%a: tensor<${length}xf32>) -> tensor<1xf32> {
        %b = stablehlo.slice %a [0:1] : (tensor<${length}xf32>) -> tensor<1xf32>
        return %b : tensor<1xf32>
      }
    }`,
    [{ type: 'f32', dims: [1] }],
  )
  const source = new Float32Array(length).fill(1)
  const target = new Float32Array(length)
  const up: number[] = []
  const down: number[] = []
  for (let i = 0; i < 6; i++) {
    const begin = performance.now()
    const buffer = client.bufferFromHost(source, spec)
    // The copy may still be under way: it is over when a program has read of it.
    const [element] = first.execute([buffer])
    element!.read()
    up.push(Math.max(performance.now() - begin - dispatchMs, 1e-3))
    const middle = performance.now()
    buffer.readInto(target)
    down.push(Math.max(performance.now() - middle, 1e-3))
    element!.dispose()
    buffer.dispose()
  }
  first.dispose()
  // The first round touches fresh memory.
  const rate = (times: number[]) => COPY_BYTES / median(times.slice(1)) / 1e6
  return { hostToDevice: rate(up), deviceToHost: rate(down) }
}

function orUndefined(measure: () => number): number | undefined {
  try {
    return measure()
  } catch {
    return undefined
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]!
}
