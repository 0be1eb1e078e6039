import type { Block } from './block'
import { printType, type TensorType } from './types'

export { reachable } from './reachable'

/**
 * One operation of a recorded program. `attributes` is StableHLO text in MLIR's generic form. An op with several results is
 * read through nodes of op `result`, one per index.
 */
export interface Node {
  readonly id: number
  readonly graph: Graph
  readonly op: string
  readonly inputs: readonly Node[]
  readonly type: TensorType
  /** Types of all results, where there are several; `type` is then the first. */
  readonly results?: readonly TensorType[] | undefined
  readonly attributes: string
  /** The region of a small reducer, as text. */
  readonly region: string
  /** The regions of an op with programs inside (`while`, `case`). */
  readonly regions?: readonly Block[] | undefined
  /** What recorded the op first: the TensorFlow.js kernel, after the jit functions and loops around it (`step/scan/MatMul`). */
  readonly origin?: string | undefined
  /** For op `parameter`: what the recorder binds to it when the program runs. */
  readonly source?: unknown
}

export interface NodeFields {
  readonly type: TensorType
  readonly results?: readonly TensorType[]
  readonly attributes?: string
  readonly region?: string
  readonly regions?: readonly Block[]
}

/**
 * A program under construction. Equal operations on equal inputs are one node (hash-consing), so values that TF.js
 * computes twice, in the forward pass and again in a gradient, cost once.
 */
export class Graph {
  readonly #interned = new Map<string, Node>()
  readonly #parameters = new Map<unknown, Node>()
  #nextId = 0

  /**
   * Names what is recording, for diagnosis: the origin of nodes made from now on.
   *
   * @param origin Where the graph itself belongs: the names of the function and the loops around it.
   */
  constructor(public origin?: string) {}

  get size(): number {
    return this.#nextId
  }

  node(op: string, inputs: readonly Node[], fields: NodeFields): Node {
    const { type, results, attributes = '', region = '', regions } = fields
    for (const input of inputs) {
      if (input.graph !== this) throw new Error(`internal: an input of ${op} belongs to another program.`)
    }
    const blocks = regions ? `|${regions.map(({ signature }) => signature).join()}` : ''
    const key = `${op}|${inputs.map((input) => input.id).join()}|${printType(type)}|${attributes}|${region}${blocks}`
    const known = this.#interned.get(key)
    if (known) return known
    const node: Node = {
      id: this.#nextId++,
      graph: this,
      op,
      inputs,
      type,
      results,
      attributes,
      region,
      regions,
      origin: this.origin,
    }
    this.#interned.set(key, node)
    return node
  }

  /** The parameter that stands for `source`; one per source. */
  parameter(source: object, type: TensorType): Node {
    const known = this.#parameters.get(source)
    if (known) return known
    const node: Node = {
      id: this.#nextId++,
      graph: this,
      op: 'parameter',
      inputs: [],
      type,
      attributes: '',
      region: '',
      source,
    }
    this.#parameters.set(source, node)
    return node
  }

  /** What the parameters stand for. */
  sources(): IterableIterator<unknown> {
    return this.#parameters.keys()
  }

  /** The `index`th result of an op with several. */
  result(of: Node, index: number): Node {
    return this.node('result', [of], { type: of.results![index]!, attributes: String(index) })
  }
}

/** Runs `record` with `name` added to the origin of the nodes that it makes. */
export const withOrigin = <T>(graph: Graph, name: string, record: () => T): T => {
  const before = graph.origin
  graph.origin = before ? `${before}/${name}` : name
  try {
    return record()
  } finally {
    graph.origin = before
  }
}
