import { Graph, type Node } from './graph/graph'
import { Hlo } from './graph/hlo'
import { sizeOf, type TensorType } from './graph/types'
import type { Storage } from './storage'

/** Largest constant that is written into the program; larger ones become hidden arguments. */
const INLINE_LIMIT = 256

/** A function call being recorded: its program and what it reads from outside. */
export class Trace {
  readonly graph = new Graph()
  readonly hlo = new Hlo(this.graph)
  /** Memory that the program reads and that the trace holds on to, with the parameter that stands for it. */
  readonly captured = new Map<Storage, Node>()
  readonly #constants = new Map<Storage, Node>()

  constructor(readonly name: string) {}

  argument(type: TensorType): Node {
    return this.graph.parameter({}, type)
  }

  /** The value of memory that is not the trace's own. Constants made while tracing are baked in. */
  capture(storage: Storage, madeWhileTracing: boolean): Node {
    if (madeWhileTracing && storage.host) {
      const known = this.#constants.get(storage)
      if (known) return known
      const constant = this.#constant(storage)
      if (constant) {
        this.#constants.set(storage, constant)
        return constant
      }
    }
    const known = this.captured.get(storage)
    if (known) return known
    const node = this.graph.parameter(storage, storage.type)
    // Held from now on: a constant of the trace is disposed with the scope that made it.
    storage.owners++
    this.captured.set(storage, node)
    return node
  }

  #constant(storage: Storage): Node | undefined {
    const values = storage.host!
    const { element, shape } = storage.type
    const first = values[0]
    if (first !== undefined && values.every((value) => Object.is(value, first)))
      return this.hlo.constant(first, element, shape)
    return sizeOf(shape) <= INLINE_LIMIT ? this.hlo.literal(values, element, shape) : undefined
  }
}
