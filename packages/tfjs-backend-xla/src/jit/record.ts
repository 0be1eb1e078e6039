import { engine, type Tensor, type TensorInfo, tidy, type Variable } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../backend'
import type { Node } from '../graph/graph'
import { elementOf, sameShape } from '../graph/types'
import { flatten, type Structure, unflatten } from '../nest'
import { Storage } from '../storage'
import { Trace } from '../trace'
import { hold } from '../variables'
import type { Recording, Source } from './program'

/** Records one call of `fn`. The values of `args` are not used, only their shapes and types. */
export const record = (
  backend: XlaBackend,
  name: string,
  fn: (...args: never[]) => unknown,
  args: readonly Pick<Tensor, 'shape' | 'dtype'>[],
  structure: Structure,
): Recording => {
  backend.flush()
  const trace = Trace.root(name)
  const argumentNodes = args.map((arg) => trace.argument({ element: elementOf(arg.dtype), shape: arg.shape }))
  const known = new Set(Object.values(engine().state.registeredVariables))
  // Strings and complex numbers are not in programs; functions cannot use them, nor can they be in the way.
  const variables = [...known].filter(({ dtype }) => dtype !== 'string' && dtype !== 'complex64')
  for (const variable of variables) separate(backend, variable)
  // Assigning disposes the value that the variable had: hold on to it, to put it back after recording.
  const before = variables.map((variable) => hold(variable))
  const beforeStorage = new Map<Storage, Variable>()
  for (const variable of variables) {
    const entry = backend.entry(variable.dataId)
    if (entry.kind === 'dense' && entry.storage) beforeStorage.set(entry.storage, variable)
  }

  let outputNodes: Node[] = []
  let assignedNodes: { variable: Variable; node: Node }[] = []
  let resultStructure!: Structure
  let results: TensorInfo[] = []
  backend.trace = trace
  try {
    tidy(() => {
      const inner = argumentNodes.map((node) => engine().makeTensorFromTensorInfo(backend.makeOutput(node)))
      const result = fn(...(unflatten(structure, inner) as never[]))
      if (result instanceof Promise) throw asynchronous(trace, result)
      const flat = flatten(result, `what jit(${name}) returns`)
      resultStructure = flat.structure
      results = flat.tensors.map(({ dataId, shape, dtype }) => ({ dataId, shape, dtype }))
      outputNodes = flat.tensors.map((tensor) => backend.value(tensor))
      assignedNodes = variables
        .filter((variable, i) => variable.dataId !== before[i]!.dataId)
        .map((variable) => ({ variable, node: backend.value(variable) }))
      const made = Object.values(engine().state.registeredVariables).find((variable) => !known.has(variable))
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
  return { name, parameters, inputs, outputs, assigned, donated, results, structure: resultStructure }
}

/** The error of an `async` function, or of one that returns a promise: that of the read that it waits for, if it is that. */
const asynchronous = (trace: Trace, result: Promise<unknown>): Error => {
  // What it rejects with has been said then.
  result.catch(() => {})
  return (
    trace.refusedRead ??
    new TypeError(
      `${trace.label} returns a promise: a traced function cannot wait. Do what is asynchronous before the call.`,
    )
  )
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
