import type { Node } from '../graph/graph'
import { printProgram } from '../graph/print'
import { printType, sizeOf, type TensorType } from '../graph/types'
import type { PjrtBuffer, PjrtClient } from '../pjrt/index'
import { bytesOf, flopsOf } from './cost'
import { type Segment, segmentsOf } from './segments'

/** One kind of work in a program: all its parts that are the same but for their place. */
export interface ProfileRow {
  /** The operation, with its shapes, or the TensorFlow.js kernels of a stretch of elementwise work. */
  readonly what: string
  /** The TensorFlow.js kernels that recorded it, under the jit functions and loops around them. */
  readonly origins: readonly string[]
  /** How often it occurs. */
  readonly count: number
  /** Fastest of several times of one, alone on the device, in milliseconds. */
  readonly milliseconds: number
  /** Floating-point operations of one; 0 for other work than products. */
  readonly flops: number
  /** Bytes that one reads and writes. */
  readonly bytes: number
}

export interface ProgramProfile {
  readonly name: string
  /** By total time, largest first. */
  readonly rows: readonly ProfileRow[]
  /** Sum over all parts, in milliseconds: what the program would take if its parts ran one after the other. */
  readonly milliseconds: number
}

/** Runs of each part that are timed. */
const REPEATS = 5

/** Times every part of a program on its own, on made-up values. */
export const profileProgram = (client: PjrtClient, name: string, outputs: readonly Node[]): ProgramProfile => {
  const kinds = new Map<string, { segment: Segment; inputs: readonly Node[]; count: number }>()
  for (const segment of segmentsOf(outputs)) {
    const { text, parameters } = printProgram(segment.outputs, { name: 'part' })
    const known = kinds.get(text)
    if (known) known.count++
    else kinds.set(text, { segment, inputs: parameters, count: 1 })
  }
  const rows = [...kinds].map(([text, { segment, inputs, count }]): ProfileRow => {
    const types = inputs.map(({ type }) => type)
    const results = segment.outputs.map(({ type }) => type)
    return {
      what: describe(segment, types),
      origins: originsOf(segment),
      count,
      milliseconds: time(client, text, types, results),
      flops: segment.main ? flopsOf(segment.main) : 0,
      bytes: [...types, ...results].reduce((sum, type) => sum + bytesOf(type), 0),
    }
  })
  rows.sort((a, b) => b.count * b.milliseconds - a.count * a.milliseconds)
  return { name, rows, milliseconds: rows.reduce((sum, row) => sum + row.count * row.milliseconds, 0) }
}

const time = (
  client: PjrtClient,
  text: string,
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
): number => {
  const spec = ({ element, shape }: TensorType) => ({ type: element as 'f32', dims: shape })
  const executable = client.compile(text, outputs.map(spec))
  const buffers = inputs.map((type) => client.bufferFromHost(madeUp(type), spec(type)))
  const run = (): number => {
    const started = performance.now()
    const results: PjrtBuffer[] = executable.execute(buffers)
    for (const result of results) result.wait()
    const elapsed = performance.now() - started
    for (const result of results) result.dispose()
    return elapsed
  }
  try {
    run()
    // The fastest: whatever else the machine does only adds to a time.
    return Math.min(...Array.from({ length: REPEATS }, run))
  } finally {
    for (const buffer of buffers) buffer.dispose()
    executable.dispose()
  }
}

/** Numbers of about the size of activations; integers are zero, so that they are valid as positions. */
const madeUp = ({ element, shape }: TensorType): ArrayBufferView => {
  const count = sizeOf(shape)
  if (element === 'f32') return Float32Array.from({ length: count }, (_, i) => ((i * 2654435761) % 1000) / 500 - 1)
  return new Uint8Array(bytesOf({ element, shape }))
}

const describe = ({ main, nodes, outputs }: Segment, inputs: readonly TensorType[]): string => {
  const short = (type: TensorType) => printType(type).slice('tensor<'.length, -1)
  if (main) {
    const operands = main.inputs.map(({ type }) => short(type))
    return `${main.op.replace('stablehlo.', '')} ${operands.slice(0, 3).join(' · ')} -> ${short(main.type)}`
  }
  const largest = [...outputs.map(({ type }) => type), ...inputs].sort((a, b) => bytesOf(b) - bytesOf(a))[0]!
  return `${nodes.length} elementwise ops on ${short(largest)}`
}

/** The kernels that recorded most of a segment. */
const originsOf = ({ nodes }: Segment): string[] => {
  const counts = new Map<string, number>()
  for (const { origin } of nodes) if (origin) counts.set(origin, (counts.get(origin) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1]).map(([origin]) => origin)
}

/** A profile as a table for people. */
export const formatProfile = ({ name, rows, milliseconds }: ProgramProfile, limit = 30): string => {
  const lines = rows.slice(0, limit).map((row) => {
    const total = row.count * row.milliseconds
    const rate = row.flops
      ? `${(row.flops / row.milliseconds / 1e6).toFixed(0)} GFLOP/s`
      : `${(row.bytes / row.milliseconds / 1e6).toFixed(1)} GB/s`
    const kernels = [...new Set(row.origins.map((origin) => origin.split('/').at(-1)!))].slice(0, 4).join(', ')
    return [
      total.toFixed(1).padStart(9),
      `${((100 * total) / milliseconds).toFixed(1)} %`.padStart(7),
      String(row.count).padStart(6),
      row.milliseconds.toFixed(3).padStart(9),
      rate.padStart(13),
      `  ${row.what}${kernels ? ` (${kernels})` : ''}`,
    ].join(' ')
  })
  const rest = rows.slice(limit).reduce((sum, row) => sum + row.count * row.milliseconds, 0)
  return [
    `${name}: ${milliseconds.toFixed(1)} ms in ${rows.length} kinds of parts, timed one by one`,
    ` total ms   share  times   ms each          rate  what`,
    ...lines,
    ...(rest > 0 ? [`${rest.toFixed(1).padStart(9)}  in the other ${rows.length - limit} kinds`] : []),
  ].join('\n')
}
