import { engine, type Tensor } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../backend'
import { printProgram } from '../graph/print'
import { unflatten } from '../nest'
import { inPrecision } from '../precision/index'
import type { Storage } from '../storage'
import { execute } from './partition'
import type { Compiled, Recording } from './program'
import { SteadyState } from './steady'

/** The StableHLO of a recording, for the backend's device. */
export const print = (
  { device }: XlaBackend,
  { name, outputs, parameters, donated, partitioning, precision }: Recording,
): string => printProgram(inPrecision(outputs, precision, device), { parameters, donated, name, partitioning }).text

export const compile = (backend: XlaBackend, recording: Recording): Compiled => {
  const text = print(backend, recording)
  const executable = backend.compile(
    text,
    recording.outputs.map((node) => node.type),
    recording.partitioning,
  )
  const continues = new Int32Array(recording.outputs.length).fill(-1)
  for (const [input, output] of recording.donated) continues[output] = input
  return { ...recording, text, executable, continues }
}

/** Runs a program on `args` and the present values of its variables, which it then updates. */
export const run = (backend: XlaBackend, compiled: Compiled, args: readonly Tensor[]): unknown => {
  const results = compiled.steady?.run(backend, args) ?? runFromAnywhere(backend, compiled, args)
  const outputs = compiled.results.map((_, i) => engine().makeTensorFromTensorInfo(backend.makeStored(results[i]!)))
  return unflatten(compiled.structure, outputs)
}

/** Runs a program after looking where its variables are and who shares them; returns the memory of its outputs, its results first. */
const runFromAnywhere = (backend: XlaBackend, compiled: Compiled, args: readonly Tensor[]): Storage[] => {
  compiled.steady = undefined
  const storages = compiled.inputs.map((source) => {
    if ('argument' in source) return backend.storageOf(args[source.argument]!)
    return 'variable' in source ? backend.storageOf(source.variable) : source.storage
  })
  const given = new Set(storages.filter((_, i) => 'argument' in compiled.inputs[i]!))
  const nonDonatable: number[] = []
  for (const { variable, input } of compiled.assigned) {
    if (input === undefined) continue
    const storage = storages[input]!
    const isShared = backend.refCount(variable.dataId) > 1 || storage.owners > 1 || storage.pendingReads
    // The variable itself may be one of the arguments.
    if (isShared || given.has(storage)) nonDonatable.push(input)
  }
  const results = execute(compiled, storages, backend.client, nonDonatable)
  for (const { variable, input, output } of compiled.assigned) {
    const storage = results[output]!
    if (input !== undefined && storage === storages[input]) continue
    if (backend.refCount(variable.dataId) === 1) {
      backend.replaceStorage(variable.dataId, storage)
    } else {
      const value = engine().makeTensorFromTensorInfo(backend.makeStored(storage))
      variable.assign(value)
      value.dispose()
    }
  }
  if (nonDonatable.length === 0) compiled.steady = SteadyState.after(backend, compiled, storages, results)
  return results
}

/** Frees what a program holds. */
export const release = (backend: XlaBackend, program: Recording | Compiled): void => {
  for (const source of program.inputs) if ('storage' in source) backend.disown(source.storage)
  if ('text' in program) backend.discard(program.text)
}
