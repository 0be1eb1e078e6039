import { engine, type TensorInfo } from '@tensorflow/tfjs-core'
import type { DenseEntry } from './entry'
import { Graph, type Node } from './graph/graph'
import { printProgram } from './graph/print'
import { reachable } from './graph/reachable'
import { sameShape, sizeOf } from './graph/types'
import type { PjrtClient } from './pjrt/index'
import type { ProgramCache } from './program-cache'
import { Storage } from './storage'

/** Recorded ops beyond which the work is run when a new outermost `tf.tidy` begins. */
const SOFT_LIMIT = 300

/**
 * Recorded ops beyond which the work is run before the next kernel, wherever that is. Compiling takes more than
 * proportionally longer with length: two programs of 300 ops compile faster than one of 600.
 */
const HARD_LIMIT = 600

/**
 * The program that kernels outside of `jit` record into.
 *
 * It is cut (compiled and run) where a loop comes round, so that each round is the same program and is compiled once: when
 * a tensor is read, when a `tf.Variable` is used whose value is still only recorded (the next training step begins), and,
 * once it has grown, at the beginning of an outermost `tf.tidy`.
 */
export class EagerProgram {
  #graph = new Graph()
  /** Tensors whose values are recorded and not yet computed. */
  readonly #pending = new Set<DenseEntry>()
  /** Memory that the program reads and that no tensor holds any more. */
  readonly #dying = new Set<Storage>()
  /** The outermost `tf.tidy` around the last kernel. */
  #tidyId: number | undefined

  get graph(): Graph {
    return this.#graph
  }

  /** Whether the work recorded so far should be run before a kernel with these inputs is recorded. */
  cutsBefore(inputs: Iterable<TensorInfo | undefined | null>, isPending: (info: TensorInfo) => boolean): boolean {
    const tidyId = outermostTidy()
    const isNewTidy = tidyId !== undefined && tidyId !== this.#tidyId
    this.#tidyId = tidyId
    const { size } = this.#graph
    if (size === 0) return false
    if (size > HARD_LIMIT || (size > SOFT_LIMIT && isNewTidy)) return true
    for (const info of inputs) if (info && isVariable(info) && isPending(info)) return true
    return false
  }

  /** The recorded value of memory. */
  read(storage: Storage): Node {
    storage.pendingReads = true
    return this.#graph.parameter(storage, storage.type)
  }

  add(entry: DenseEntry): void {
    this.#pending.add(entry)
  }

  /** Says that an entry's value is not wanted any more. */
  drop(entry: DenseEntry): void {
    this.#pending.delete(entry)
  }

  /** Takes charge of memory that the program reads and that no tensor holds. */
  takeOver(storage: Storage): void {
    this.#dying.add(storage)
  }

  /**
   * Compiles and runs what is recorded, for those entries that are still held, and begins anew.
   *
   * @returns Memory that the program has been started on, if anything was to be computed.
   */
  run(client: PjrtClient, programs: ProgramCache): Storage | undefined {
    if (this.#graph.size === 0) return undefined
    const entries = [...this.#pending]
    const sources = [...this.#graph.sources()] as Storage[]
    this.#pending.clear()
    this.#graph = new Graph()
    try {
      const results = this.#compute(entries, client, programs)
      for (const entry of entries) {
        const node = entry.node!
        const storage = node.op === 'parameter' ? (node.source as Storage) : results.get(node)!
        storage.owners++
        entry.storage = storage
      }
      return results.values().next().value
    } finally {
      for (const entry of entries) entry.node = undefined
      for (const storage of sources) storage.pendingReads = false
      for (const storage of this.#dying) if (storage.owners === 0) storage.release()
      this.#dying.clear()
    }
  }

  #compute(entries: readonly DenseEntry[], client: PjrtClient, programs: ProgramCache): Map<Node, Storage> {
    const outputs = [...new Set(entries.map(({ node }) => node!))].filter(({ op }) => op !== 'parameter')
    const results = new Map<Node, Storage>()
    if (outputs.length === 0) return results
    const parameters = reachable(outputs).filter(({ op }) => op === 'parameter')
    const { text } = printProgram(outputs, { parameters, donated: this.#donated(parameters, outputs), name: 'eager' })
    const executable = programs.use(
      text,
      outputs.map(({ type }) => type),
    )
    const buffers = executable.execute(parameters.map(({ source }) => (source as Storage).buffer(client)))
    buffers.forEach((buffer, i) => {
      results.set(outputs[i]!, Storage.onDevice(outputs[i]!.type, buffer))
    })
    return results
  }

  /** Memory that dies with this program and fits a result is reused for it: a parameter's update takes no new memory. */
  #donated(parameters: readonly Node[], outputs: readonly Node[]): Map<number, number> {
    const donated = new Map<number, number>()
    const free = new Set(outputs.keys())
    parameters.forEach(({ source, type }, i) => {
      const storage = source as Storage
      if (storage.owners > 0 || !this.#dying.has(storage) || sizeOf(type.shape) === 0) return
      for (const o of free) {
        const result = outputs[o]!.type
        if (result.element !== type.element || !sameShape(result.shape, type.shape)) continue
        donated.set(i, o)
        free.delete(o)
        return
      }
    })
    return donated
  }
}

/** Whether a kernel's input is a `tf.Variable` itself; told by its method, as there may be several copies of tfjs-core. */
const isVariable = (info: TensorInfo): boolean => 'assign' in info

/** The outermost scope that is open, if it is a `tf.tidy` and not that of a single op. */
const outermostTidy = (): number | undefined => {
  const scope = engine().state.scopeStack[0]
  return scope && !scope.name.endsWith('__op') ? scope.id : undefined
}
