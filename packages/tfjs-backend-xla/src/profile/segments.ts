import { Graph, type Node, reachable } from '../graph/graph'
import { sizeOf } from '../graph/types'

/** A part of a program that XLA runs as one kernel, or as a few that it fuses: a product, or the elementwise work between products. */
export interface Segment {
  /** The operation that it is about: the product's, or undefined for elementwise work. */
  readonly main: Node | undefined
  /** The operations in it, in the order of the program. */
  readonly nodes: readonly Node[]
  /** The part as a program of its own: what it reads are parameters. */
  readonly outputs: readonly Node[]
}

/** Operations that XLA does not fuse with their neighbours. */
const standsAlone = new Set([
  'stablehlo.dot_general',
  'stablehlo.convolution',
  'stablehlo.reduce_window',
  'stablehlo.select_and_scatter',
  'stablehlo.scatter',
  'stablehlo.sort',
  'stablehlo.while',
  'stablehlo.case',
  'stablehlo.fft',
  'stablehlo.all_reduce',
])

/** Operations that only say how to read a value: they are counted with whatever reads it. */
const views = new Set(['stablehlo.reshape', 'stablehlo.transpose', 'stablehlo.reverse', 'stablehlo.convert'])

/** Values of at most this many elements are made again wherever they are used. */
const TINY = 64

/** Takes a program apart where XLA cannot fuse. Every operation is in at least one segment. */
export const segmentsOf = (outputs: readonly Node[]): Segment[] => {
  const nodes = reachable(outputs)
  const free = findFree(nodes)
  const inlined = (node: Node) => free.has(node) || views.has(node.op)
  const levels = new Map<Node, number>()
  const groups = new Groups()
  for (const node of nodes) {
    const inputs = node.inputs.filter((input) => !free.has(input))
    const level = Math.max(
      0,
      ...inputs.map((input) => (levels.get(input) ?? 0) + (standsAlone.has(ownerOf(input).op) ? 1 : 0)),
    )
    levels.set(node, level)
    if (inlined(node) || node.op === 'result' || standsAlone.has(node.op)) continue
    groups.add(node)
    for (const input of inputs) if (levels.get(input) === level && groups.has(input)) groups.join(node, input)
  }
  const alone = nodes.filter((node) => standsAlone.has(node.op)).map((node) => [node])
  const lists = [...alone, ...groups.lists()]
  const wanted = findWanted(nodes, outputs, inlined)
  return lists.map((members) => cutOut(members, free, wanted)).sort((a, b) => a.nodes[0]!.id - b.nodes[0]!.id)
}

const ownerOf = (node: Node): Node => {
  let owner = node
  while (owner.op === 'result' || views.has(owner.op)) owner = owner.inputs[0]!
  return owner
}

/** Parameters and constants, these repeated along an axis, and tiny values made of them. */
const findFree = (nodes: readonly Node[]): Set<Node> => {
  const free = new Set<Node>()
  const isRepeated = (node: Node) => node.op === 'stablehlo.broadcast_in_dim' && free.has(node.inputs[0]!)
  for (const node of nodes) {
    const source = ['parameter', 'stablehlo.constant', 'stablehlo.iota'].includes(node.op) || isRepeated(node)
    const tiny = sizeOf(node.type.shape) <= TINY && node.inputs.every((input) => free.has(input))
    if (source || (tiny && !standsAlone.has(node.op))) free.add(node)
  }
  return free
}

/** The values that are read outside of the segment that makes them. */
const findWanted = (
  nodes: readonly Node[],
  outputs: readonly Node[],
  inlined: (node: Node) => boolean,
): { readonly readers: Map<Node, Node[]>; readonly results: Set<Node> } => {
  const readers = new Map<Node, Node[]>()
  const results = new Set<Node>()
  const behindViews = (node: Node): Node => {
    let source = node
    while (inlined(source) && views.has(source.op)) source = source.inputs[0]!
    return source
  }
  for (const node of nodes) {
    if (inlined(node)) continue
    for (const input of node.inputs) {
      const source = behindViews(input)
      const known = readers.get(source)
      if (known) known.push(node)
      else readers.set(source, [node])
    }
  }
  for (const output of outputs) results.add(behindViews(output))
  return { readers, results }
}

const cutOut = (members: readonly Node[], free: ReadonlySet<Node>, wanted: ReturnType<typeof findWanted>): Segment => {
  const inside = new Set(members)
  const results = members.flatMap((node) => {
    const parts = node.results ? (wanted.readers.get(node) ?? []).filter(({ op }) => op === 'result') : [node]
    return parts.filter(
      (part) =>
        wanted.results.has(part) ||
        (wanted.readers.get(part) ?? []).some((reader) => !inside.has(reader) && reader.op !== 'result'),
    )
  })
  const graph = new Graph()
  const copies = new Map<Node, Node>()
  const copy = (node: Node): Node => {
    const known = copies.get(node)
    if (known) return known
    const isPart = inside.has(node) || views.has(node.op) || (node.op === 'result' && inside.has(node.inputs[0]!))
    const rebuilt =
      node.op !== 'parameter' && (isPart || free.has(node))
        ? graph.node(node.op, node.inputs.map(copy), {
            type: node.type,
            attributes: node.attributes,
            region: node.region,
            ...(node.results && { results: node.results }),
            ...(node.regions && { regions: node.regions }),
          })
        : graph.parameter(node, node.type)
    copies.set(node, rebuilt)
    return rebuilt
  }
  // In the program's order, so that equal parts of a model become equal programs; and without deep recursion.
  for (const node of members) copy(node)
  const outputs = (results.length > 0 ? results : members.slice(-1)).map(copy)
  const main = members.length === 1 && standsAlone.has(members[0]!.op) ? members[0]! : undefined
  return { main, nodes: members, outputs }
}

/** Sets of nodes that are joined step by step. */
class Groups {
  readonly #parents = new Map<Node, Node>()

  add(node: Node): void {
    this.#parents.set(node, node)
  }

  has(node: Node): boolean {
    return this.#parents.has(node)
  }

  join(a: Node, b: Node): void {
    this.#parents.set(this.#root(a), this.#root(b))
  }

  lists(): Node[][] {
    const lists = new Map<Node, Node[]>()
    for (const node of this.#parents.keys()) {
      const root = this.#root(node)
      const list = lists.get(root)
      if (list) list.push(node)
      else lists.set(root, [node])
    }
    return [...lists.values()]
  }

  #root(node: Node): Node {
    let root = node
    while (this.#parents.get(root) !== root) root = this.#parents.get(root)!
    let step = node
    while (step !== root) {
      const next = this.#parents.get(step)!
      this.#parents.set(step, root)
      step = next
    }
    return root
  }
}
