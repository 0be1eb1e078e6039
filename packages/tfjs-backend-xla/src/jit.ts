import { engine, type Tensor, type TensorInfo, tidy, type Variable } from '@tensorflow/tfjs-core'
import type { XlaBackend } from './backend'
import type { Node } from './graph/graph'
import { printProgram } from './graph/print'
import { elementOf, sameShape } from './graph/types'
import { flatten, type Structure, unflatten } from './nest'
import type { PjrtBuffer, PjrtExecutable } from './pjrt/index'
import { Storage } from './storage'
import { Trace } from './trace'

export interface JitOptions {
  /** Shown in messages. Default: the function's name. */
  readonly name?: string
}

/** A function that runs as one compiled program per combination of argument shapes and static arguments. */
export interface JitFunction<A extends unknown[], R> {
  (...args: A): R
  readonly traceCount: number
  /** The StableHLO of the program for these arguments (traced and compiled if they are new). */
  lower(...args: A): string
  /** Frees the compiled programs. */
  dispose(): void
}

type Source = { readonly argument: number } | { readonly variable: Variable } | { readonly storage: Storage }

interface Compiled {
  readonly text: string
  readonly executable: PjrtExecutable
  readonly inputs: readonly Source[]
  readonly assigned: readonly {
    readonly variable: Variable
    readonly input: number | undefined
    readonly output: number
  }[]
  readonly outputCount: number
  readonly outputs: readonly TensorInfo[]
  readonly structure: Structure
}

const isXla = (backend: unknown): backend is XlaBackend =>
  typeof (backend as { flush?: unknown } | null)?.flush === 'function'

const currentBackend = (): XlaBackend => {
  const backend = engine().backend
  if (!isXla(backend)) throw new Error('jit runs on the "xla" backend only: call registerXla() first.')
  return backend
}

/**
 * Compiles `fn` as one XLA program: a `tf.function` for TensorFlow.js. The first call with new argument shapes records
 * the ops that `fn` runs; later calls only execute.
 *
 * - Arguments: nested arrays and plain objects of tensors; strings, numbers, booleans and null are static (part of the key).
 * - Variables that `fn` reads are inputs of the program, looked up at each call; variables that it assigns are updated after each
 *   call, and their old memory is given to the program (donated) unless another tensor shares it.
 * - Other tensors from outside are captured at the first call. Tensors made on the host while recording are constants.
 * - `fn` must not read tensors: `dataSync`, `data`, `print` throw inside.
 *
 * A call inside another trace becomes part of that trace.
 */
export const jit = <A extends unknown[], R>(fn: (...args: A) => R, options: JitOptions = {}): JitFunction<A, R> => {
  const name = options.name ?? (fn.name || 'anonymous')
  const programs = new Map<string, Compiled>()

  const find = (args: A, backend: XlaBackend): [Compiled, Tensor[]] => {
    const { tensors, structure } = flatten(args)
    const key = `${structure.key}|${tensors.map((t) => `${t.dtype}[${t.shape}]`).join()}`
    let compiled = programs.get(key)
    if (!compiled) {
      compiled = compile(backend, name, fn, tensors, structure)
      programs.set(key, compiled)
    }
    return [compiled, tensors]
  }

  const call = (...args: A): R => {
    const backend = currentBackend()
    if (backend.trace) return fn(...args)
    const [compiled, tensors] = find(args, backend)
    return run(backend, compiled, tensors) as R
  }
  return Object.defineProperties(call, {
    name: { value: name },
    traceCount: { get: () => programs.size },
    lower: { value: (...args: A) => find(args, currentBackend())[0].text },
    dispose: {
      value: () => {
        const backend = engine().backend
        for (const program of programs.values()) {
          if (!isXla(backend)) continue
          for (const source of program.inputs) if ('storage' in source) backend.disown(source.storage)
          backend.discard(program.text)
        }
        programs.clear()
      },
    },
  }) as unknown as JitFunction<A, R>
}

/** Records one call of `fn` and compiles it. */
const compile = (
  backend: XlaBackend,
  name: string,
  fn: (...args: never[]) => unknown,
  args: Tensor[],
  structure: Structure,
): Compiled => {
  backend.flush()
  const trace = new Trace(name)
  const argumentNodes = args.map((arg) => trace.argument({ element: elementOf(arg.dtype), shape: arg.shape }))
  const variables = Object.values(engine().state.registeredVariables)
  for (const variable of variables) separate(backend, variable)
  // Assigning disposes the value that the variable had: hold on to it, to put it back after recording.
  const before = variables.map((variable) => hold(backend, variable))
  const beforeStorage = new Map<Storage, Variable>()
  for (const variable of variables) {
    const entry = backend.entry(variable.dataId)
    if (entry.storage) beforeStorage.set(entry.storage, variable)
  }

  let outputNodes: Node[] = []
  let assignedNodes: { variable: Variable; node: Node }[] = []
  let resultStructure!: Structure
  let resultTypes: TensorInfo[] = []
  backend.trace = trace
  try {
    tidy(() => {
      const inner = argumentNodes.map((node) => engine().makeTensorFromTensorInfo(backend.makeOutput(node)))
      const result = fn(...(unflatten(structure, inner) as never[]))
      const flat = flatten(result)
      resultStructure = flat.structure
      resultTypes = flat.tensors.map(({ dataId, shape, dtype }) => ({ dataId, shape, dtype }))
      outputNodes = flat.tensors.map((tensor) => backend.value(tensor))
      assignedNodes = variables
        .filter((variable, i) => variable.dataId !== before[i]!.dataId)
        .map((variable) => ({ variable, node: backend.value(variable) }))
      const made = Object.values(engine().state.registeredVariables).find((variable) => !variables.includes(variable))
      if (made) {
        made.dispose()
        throw new Error(
          `jit(${name}) made the variable "${made.name}" while recording: make variables before the first call.`,
        )
      }
    })
  } catch (error) {
    for (const storage of trace.captured.keys()) backend.disown(storage)
    throw error
  } finally {
    backend.trace = undefined
    variables.forEach((variable, i) => {
      if (variable.isDisposed) return
      if (variable.dataId !== before[i]!.dataId) variable.assign(before[i]!)
      before[i]!.dispose()
    })
  }

  const inputs: Source[] = argumentNodes.map((_, argument) => ({ argument }))
  const parameters = [...argumentNodes]
  for (const [storage, node] of trace.captured) {
    const variable = beforeStorage.get(storage)
    // A variable's memory changes from call to call: it is looked up then, not held.
    if (variable) backend.disown(storage)
    inputs.push(variable ? { variable } : { storage })
    parameters.push(node)
  }
  const outputs = [...outputNodes, ...assignedNodes.map(({ node }) => node)]
  const donated = new Map<number, number>()
  const assigned = assignedNodes.map(({ variable }, i) => {
    const found = inputs.findIndex((source) => 'variable' in source && source.variable === variable)
    const input = found < 0 ? undefined : found
    const output = outputNodes.length + i
    if (input !== undefined) donated.set(input, output)
    return { variable, input, output }
  })
  const { text } = printProgram(outputs, { parameters, donated, name })
  const executable = backend.compile(
    text,
    outputs.map((node) => node.type),
  )
  return {
    text,
    executable,
    inputs,
    assigned,
    outputCount: outputNodes.length,
    outputs: resultTypes,
    structure: resultStructure,
  }
}

/** Gives a variable memory of its own, so that what it is bound to cannot be confused with a tensor that shares its value. */
const separate = (backend: XlaBackend, variable: Variable): void => {
  const storage = backend.storageOf(variable)
  const type = { element: elementOf(variable.dtype), shape: variable.shape }
  const own = backend.refCount(variable.dataId) === 1 && storage.owners === 1
  if (own && sameShape(storage.type.shape, type.shape)) return
  const copy = Storage.onHost(type, storage.readSync(backend.client).slice())
  const value = engine().makeTensorFromTensorInfo(backend.makeStored(copy))
  variable.assign(value)
  value.dispose()
}

/** A tensor that shares (and keeps) a variable's present value. */
const hold = (backend: XlaBackend, variable: Variable): Tensor => {
  backend.incRef(variable.dataId)
  return engine().makeTensorFromTensorInfo({ dataId: variable.dataId, shape: variable.shape, dtype: variable.dtype })
}

const run = (backend: XlaBackend, compiled: Compiled, args: readonly Tensor[]): unknown => {
  const storages = compiled.inputs.map((source) => {
    if ('argument' in source) return backend.storageOf(args[source.argument]!)
    return 'variable' in source ? backend.storageOf(source.variable) : source.storage
  })
  const buffers: PjrtBuffer[] = storages.map((storage) => storage.buffer(backend.client))
  const nonDonatable = compiled.assigned
    .filter(
      ({ variable, input }) =>
        input !== undefined &&
        (backend.refCount(variable.dataId) > 1 || storages[input]!.owners > 1 || storages[input]!.pendingReads),
    )
    .map(({ input }) => input!)
  const results = compiled.executable.execute(buffers, nonDonatable.length > 0 ? { nonDonatable } : {})
  for (const { variable, output } of compiled.assigned) {
    const storage = Storage.onDevice({ element: elementOf(variable.dtype), shape: variable.shape }, results[output]!)
    if (backend.refCount(variable.dataId) === 1) {
      backend.replaceStorage(variable.dataId, storage)
    } else {
      const value = engine().makeTensorFromTensorInfo(backend.makeStored(storage))
      variable.assign(value)
      value.dispose()
    }
  }
  const outputs = compiled.outputs.map(({ shape, dtype }, i) =>
    engine().makeTensorFromTensorInfo(
      backend.makeStored(Storage.onDevice({ element: elementOf(dtype), shape }, results[i]!)),
    ),
  )
  return unflatten(compiled.structure, outputs)
}
