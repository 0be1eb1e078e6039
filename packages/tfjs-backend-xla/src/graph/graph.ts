import { printType, type TensorType } from './types'

/**
 * One operation of a recorded program. `attributes` and `region` are StableHLO text in MLIR's generic form. An op with
 * several results is read through nodes of op `result`, one per index.
 */
export interface Node {
  readonly id: number
  readonly graph: Graph
  readonly op: string
  readonly inputs: readonly Node[]
  readonly type: TensorType
  /** Types of all results, where there are several; `type` is then the first. */
  readonly results?: readonly TensorType[]
  readonly attributes: string
  readonly region: string
  /** For op `parameter`: what the recorder binds to it when the program runs. */
  readonly source?: unknown
}

export interface NodeFields {
  readonly type: TensorType
  readonly results?: readonly TensorType[]
  readonly attributes?: string
  readonly region?: string
}

/**
 * A program under construction. Equal operations on equal inputs are one node (hash-consing), so values that TF.js
 * computes twice, in the forward pass and again in a gradient, cost once.
 */
export class Graph {
  readonly #interned = new Map<string, Node>()
  readonly #parameters = new Map<unknown, Node>()
  #nextId = 0

  /** @param depth How many loop bodies enclose this program; keeps the names of nested regions apart. */
  constructor(readonly depth = 0) {}

  get size(): number {
    return this.#nextId
  }

  node(op: string, inputs: readonly Node[], fields: NodeFields): Node {
    const { type, results, attributes = '', region = '' } = fields
    for (const input of inputs) {
      if (input.graph !== this) throw new Error(`internal: an input of ${op} belongs to another program.`)
    }
    const key = `${op}|${inputs.map((input) => input.id).join()}|${printType(type)}|${attributes}|${region}`
    const known = this.#interned.get(key)
    if (known) return known
    const node: Node = {
      id: this.#nextId++,
      graph: this,
      op,
      inputs,
      type,
      ...(results && { results }),
      attributes,
      region,
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

/** All nodes that `outputs` need, inputs before users. */
export const reachable = (outputs: readonly Node[]): Node[] => {
  const seen = new Set<Node>()
  const stack = [...outputs]
  while (stack.length > 0) {
    const node = stack.pop()!
    if (seen.has(node)) continue
    seen.add(node)
    for (const input of node.inputs) if (!seen.has(input)) stack.push(input)
  }
  return [...seen].sort((a, b) => a.id - b.id)
}
