import { Graph, type Node } from './graph/graph'
import { Hlo } from './graph/hlo'
import { sizeOf, type TensorType } from './graph/types'
import type { Storage } from './storage'

/** Largest constant that is written into the program; larger ones become hidden arguments. */
const INLINE_LIMIT = 256

/** Ops that are recorded again inside a region rather than passed in: the compiler folds them where they are used. */
const COPIED = new Set([
  'stablehlo.constant',
  'stablehlo.iota',
  'stablehlo.broadcast_in_dim',
  'stablehlo.reshape',
  'stablehlo.convert',
])

/**
 * A function being recorded: its program and what it reads from outside.
 *
 * A trace is either the root of a program (a jit call) or a region of one: the body of a loop or the branch of a condition. A region
 * sees nothing but its parameters, so a value of the program around it becomes one when it is first used.
 */
export class Trace {
  readonly graph: Graph
  readonly hlo: Hlo
  /** Memory that the program reads and that the trace holds on to, with the parameter that stands for it. */
  readonly captured = new Map<Storage, Node>()
  /** A region's view of the values around it: their nodes there, with the parameters that stand for them here. */
  readonly imports = new Map<Node, Node>()
  /** The error of a read on the host, for functions that turn it into a rejected promise. */
  refusedRead: Error | undefined
  readonly #constants = new Map<Storage, Node>()
  readonly #copies = new Map<Node, Node | undefined>()

  private constructor(
    /** Shown in messages: `jit(step)`, `the body of scan`. */
    readonly label: string,
    origin: string,
    /** Whether this is a part of the program of `parent`, or of the eager one where there is no parent. */
    readonly isRegion: boolean,
    readonly parent: Trace | undefined,
  ) {
    this.graph = new Graph(origin)
    this.hlo = new Hlo(this.graph)
  }

  /** The trace of a whole program. */
  static root(name: string): Trace {
    return new Trace(`jit(${name})`, name, false, undefined)
  }

  /** The trace of a part of `parent`; of the eager program where that is undefined. */
  static region(label: string, origin: string, parent: Trace | undefined): Trace {
    return new Trace(label, origin, true, parent)
  }

  argument(type: TensorType): Node {
    return this.graph.parameter({}, type)
  }

  /** Whether `other` is this trace or one around it. */
  isWithin(other: Trace): boolean {
    for (let trace: Trace | undefined = this; trace; trace = trace.parent) if (trace === other) return true
    return false
  }

  /** The value of memory that is not the trace's own. Constants made while tracing are baked in. */
  capture(storage: Storage, madeWhileTracing: boolean): Node {
    const constant = madeWhileTracing ? this.constant(storage) : undefined
    if (constant) return constant
    const known = this.captured.get(storage)
    if (known) return known
    const node = this.graph.parameter(storage, storage.type)
    // Held from now on: a constant of the trace is disposed with the scope that made it.
    storage.owners++
    this.captured.set(storage, node)
    return node
  }

  /** The value of host memory as a constant, where it is small or one number repeated. */
  constant(storage: Storage): Node | undefined {
    if (!storage.host) return undefined
    const known = this.#constants.get(storage)
    if (known) return known
    const constant = this.#constant(storage.host, storage.type)
    if (constant) this.#constants.set(storage, constant)
    return constant
  }

  /** In a region: the value that is `node` in the program around it. */
  import(node: Node): Node {
    const known = this.#copy(node) ?? this.imports.get(node)
    if (known) return known
    const parameter = this.graph.parameter({}, node.type)
    this.imports.set(node, parameter)
    return parameter
  }

  /** Records a constant, or what is made of constants alone, a second time. */
  #copy(node: Node): Node | undefined {
    if (!COPIED.has(node.op)) return undefined
    if (this.#copies.has(node)) return this.#copies.get(node)
    const inputs = node.inputs.map((input) => this.#copy(input))
    const { op, type, attributes } = node
    const copy = inputs.includes(undefined) ? undefined : this.graph.node(op, inputs as Node[], { type, attributes })
    this.#copies.set(node, copy)
    return copy
  }

  #constant(values: ArrayLike<number>, { element, shape }: TensorType): Node | undefined {
    const first = values[0]
    if (first === undefined) return undefined
    let splat = true
    for (let i = 1; splat && i < values.length; i++) splat = Object.is(values[i], first)
    if (splat) return this.hlo.constant(first, element, shape)
    return sizeOf(shape) <= INLINE_LIMIT ? this.hlo.literal(values, element, shape) : undefined
  }
}
