import { type Block, makeBlock } from '../graph/block'
import { type Node, reachable } from '../graph/graph'
import { Hlo } from '../graph/hlo'
import type { ElementType } from '../graph/types'
import type { DeviceKind } from '../install/index'
import { follows, products } from './rules'

/**
 * What a float32 value of the recorded program becomes: `narrow` values are computed in bfloat16, `wide` ones in float32;
 * `either` are parameters, constants and what is made of these alone, which are rounded where a narrow operation reads them.
 */
type Width = 'narrow' | 'wide' | 'either'

/**
 * Rewrites a recorded program for bfloat16: matrix products and convolutions take bfloat16 operands and add up in float32,
 * and the elementwise work that leads from one product to another is done in bfloat16. Parameters and results keep their types, so
 * that weights and optimiser state stay in float32. The new nodes are of the same graph.
 */
export const toBfloat16 = (outputs: readonly Node[], device: DeviceKind = 'cpu'): Node[] => {
  const nodes = reachable(outputs)
  const widths = decide(nodes)
  const rebuilt = new Map<Node, Node>()
  const as = (node: Node, element: ElementType): Node => {
    const now = rebuilt.get(node)!
    if (now.type.element === element || node.type.element !== 'f32') return now
    return now.graph.node('stablehlo.convert', [now], { type: { element, shape: node.type.shape } })
  }
  for (const node of nodes) rebuilt.set(node, rebuild(node, widths, as, device))
  return outputs.map((node) => as(node, 'f32'))
}

const rebuild = (
  node: Node,
  widths: ReadonlyMap<Node, Width>,
  as: (node: Node, element: ElementType) => Node,
  device: DeviceKind,
): Node => {
  const isProduct = products.has(node.op) && node.type.element === 'f32'
  const isNarrow = widths.get(node) === 'narrow'
  const inputs = node.inputs.map((input) => as(input, isProduct || isNarrow ? 'bf16' : 'f32'))
  const narrowBlock = ({ parameters, outputs }: Block) => makeBlock(parameters, toBfloat16(outputs, device))
  // Loops and branches pass on float32 values; inside, the same rules hold.
  const regions = hasPrograms(node) ? node.regions?.map(narrowBlock) : node.regions
  const same = inputs.every((input, i) => input === node.inputs[i]) && regions === node.regions
  if (node.op === 'parameter' || (same && !isNarrow)) return node
  const now = node.graph.node(node.op, inputs, {
    type: isNarrow ? { ...node.type, element: 'bf16' } : node.type,
    attributes: isProduct ? node.attributes.replaceAll('precision HIGHEST', 'precision DEFAULT') : node.attributes,
    region: node.region,
    ...(node.results && { results: node.results }),
    ...(regions && { regions }),
  })
  // XLA's CPU compiler lets a transpose that follows choose the layout of such a product, and then has no code for it.
  const isMixed = node.op === 'stablehlo.dot_general' && isProduct && !isNarrow && device === 'cpu'
  return isMixed ? new Hlo(now.graph).barrier([now])[0]! : now
}

const hasPrograms = ({ op }: Node): boolean => op === 'stablehlo.while' || op === 'stablehlo.case'

const decide = (nodes: readonly Node[]): Map<Node, Width> => {
  const readers = new Map<Node, Node[]>()
  for (const node of nodes) {
    for (const input of node.inputs) {
      const known = readers.get(input)
      if (known) known.push(node)
      else readers.set(input, [node])
    }
  }
  const leadsToProduct = new Set<Node>()
  for (const node of [...nodes].reverse()) {
    const leads = readers
      .get(node)
      ?.some((reader) => products.has(reader.op) || (follows(reader) && leadsToProduct.has(reader)))
    if (leads) leadsToProduct.add(node)
  }
  const widths = new Map<Node, Width>()
  for (const node of nodes) widths.set(node, widthOf(node, widths, leadsToProduct.has(node)))
  // A product that nothing narrow reads gives its sum as it is: to a residual connection, a softmax, or as a weight's gradient.
  for (const node of nodes) {
    if (!products.has(node.op) || widths.get(node) !== 'narrow') continue
    const isRead = readers.get(node)!.some((reader) => products.has(reader.op) || widths.get(reader) === 'narrow')
    if (!isRead) widths.set(node, 'wide')
  }
  return widths
}

const widthOf = (node: Node, widths: ReadonlyMap<Node, Width>, leadsToProduct: boolean): Width => {
  if (node.type.element !== 'f32') return 'wide'
  if (products.has(node.op)) return leadsToProduct ? 'narrow' : 'wide'
  if (['parameter', 'stablehlo.constant', 'stablehlo.iota', 'stablehlo.convert'].includes(node.op)) return 'either'
  if (!follows(node)) return 'wide'
  const inputs = node.inputs.filter(({ type }) => type.element === 'f32').map((input) => widths.get(input)!)
  if (inputs.every((width) => width === 'either')) return 'either'
  return inputs.includes('wide') || !leadsToProduct ? 'wide' : 'narrow'
}
