import type { Node } from './graph'

/** All nodes that `outputs` need, inputs before users. Nodes inside blocks are not among them. */
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
