import { engine, type Tensor } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../backend'
import { printProgram } from '../graph/print'
import { unflatten } from '../nest'
import { inPrecision } from '../precision/index'
import { execute } from './partition'
import type { Compiled, Recording } from './program'

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
  const storages = compiled.inputs.map((source) => {
    if ('argument' in source) return backend.storageOf(args[source.argument]!)
    return 'variable' in source ? backend.storageOf(source.variable) : source.storage
  })
  const nonDonatable: number[] = []
  for (const { variable, input } of compiled.assigned) {
    if (input === undefined) continue
    const storage = storages[input]!
    if (backend.refCount(variable.dataId) > 1 || storage.owners > 1 || storage.pendingReads) nonDonatable.push(input)
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
  const outputs = compiled.results.map((_, i) => engine().makeTensorFromTensorInfo(backend.makeStored(results[i]!)))
  return unflatten(compiled.structure, outputs)
}

/** Frees what a program holds. */
export const release = (backend: XlaBackend, program: Recording | Compiled): void => {
  for (const source of program.inputs) if ('storage' in source) backend.disown(source.storage)
  if ('text' in program) backend.discard(program.text)
}
