import { elementTypeFromCode, sameSpec, specToString, type TensorSpec } from './element-type'
import { XlaError } from './errors'
import type { CompiledMemoryStats } from './executable'
import { ARGS } from './layouts'
import { copyBytes, loadKoffi, readString, Struct } from './native'
import type { Runtime } from './runtime'

/** Lends the `PJRT_Executable` of a `PJRT_LoadedExecutable`, of which most questions are asked. */
export function withExecutable<T>({ api }: Runtime, loaded: bigint, use: (executable: bigint) => T): T {
  const args = new Struct(ARGS.LoadedExecutable_GetExecutable)
  args.set('loaded_executable', loaded)
  api.call('LoadedExecutable_GetExecutable', args)
  const executable = args.get('executable')
  try {
    return use(executable)
  } finally {
    const destroy = new Struct(ARGS.Executable_Destroy)
    destroy.set('executable', executable)
    api.call('Executable_Destroy', destroy)
  }
}

export function executableName({ api }: Runtime, executable: bigint): string {
  const args = new Struct(ARGS.Executable_Name)
  args.set('executable', executable)
  api.call('Executable_Name', args)
  return readString(args.get('executable_name'), args.get('executable_name_size'))
}

export function memoryStats({ api }: Runtime, executable: bigint): CompiledMemoryStats {
  const args = new Struct(ARGS.Executable_GetCompiledMemoryStats)
  args.set('executable', executable)
  api.call('Executable_GetCompiledMemoryStats', args)
  return {
    generatedCode: args.getNumber('generated_code_size_in_bytes'),
    arguments: args.getNumber('argument_size_in_bytes'),
    outputs: args.getNumber('output_size_in_bytes'),
    aliased: args.getNumber('alias_size_in_bytes'),
    temporaries: args.getNumber('temp_size_in_bytes'),
    peak: args.getNumber('peak_memory_in_bytes'),
  }
}

/** A copy of the program's serialized form. */
export function serialize({ api }: Runtime, executable: bigint): Uint8Array {
  const args = new Struct(ARGS.Executable_Serialize)
  args.set('executable', executable)
  api.call('Executable_Serialize', args)
  try {
    return new Uint8Array(copyBytes(args.get('serialized_bytes'), args.getNumber('serialized_bytes_size')))
  } finally {
    const koffi = loadKoffi()
    const free = koffi.decode(args.get('serialized_executable_deleter'), api.deleterPrototype) as (p: bigint) => void
    free(args.get('serialized_executable'))
  }
}

/** Compares what the caller expects of the program with what XLA says it returns: results are typed by the former. */
export function checkOutputs({ api }: Runtime, executable: bigint, expected: readonly TensorSpec[]): void {
  const types = new Struct(ARGS.Executable_OutputElementTypes)
  types.set('executable', executable)
  api.call('Executable_OutputElementTypes', types)
  const count = types.getNumber('num_output_types')
  if (count !== expected.length) throw new XlaError(`The program returns ${count} results, not ${expected.length}`)
  const codes = new Int32Array(copyBytes(types.get('output_types'), 4 * count))
  const dimensions = new Struct(ARGS.Executable_OutputDimensions)
  dimensions.set('executable', executable)
  api.call('Executable_OutputDimensions', dimensions)
  const ranks = new BigUint64Array(copyBytes(dimensions.get('dim_sizes'), 8 * count))
  const total = ranks.reduce((sum, rank) => sum + Number(rank), 0)
  const dims = new BigInt64Array(copyBytes(dimensions.get('dims'), 8 * total))
  let next = 0
  for (let i = 0; i < count; i++) {
    const shape = [...dims.subarray(next, next + Number(ranks[i]))].map(Number)
    next += shape.length
    const type = elementTypeFromCode(codes[i]!)
    if (!type) throw new XlaError(`Result ${i} of the program has a type that cannot be read (${codes[i]})`)
    const actual = { type, dims: shape }
    if (!sameSpec(actual, expected[i]!)) {
      throw new XlaError(
        `Result ${i} of the program is ${specToString(actual)}, not ${specToString(expected[i]!)} as declared`,
      )
    }
  }
}
