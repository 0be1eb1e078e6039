import { createHash } from 'node:crypto'
import type { Node } from './graph'
import { reachable } from './reachable'
import { printType } from './types'

/**
 * A region of an operation: a program of its own, which sees nothing but its parameters. The parameters of a `stablehlo.while`'s
 * blocks are the loop's values; those of a `stablehlo.case`'s blocks are the inputs that follow the index.
 */
export interface Block {
  readonly parameters: readonly Node[]
  readonly outputs: readonly Node[]
  /** Equal for blocks that compute the same; takes part in hash-consing. */
  readonly signature: string
}

/** Closes a block over a graph that has been recorded for it. Every parameter node of that graph must be listed. */
export const makeBlock = (parameters: readonly Node[], outputs: readonly Node[]): Block => {
  const numbers = new Map<Node, number>()
  const hash = createHash('sha1')
  for (const node of parameters) {
    numbers.set(node, numbers.size)
    hash.update(`${printType(node.type)}\n`)
  }
  const numberOf = (node: Node): number => numbers.get(node)!
  for (const node of reachable(outputs)) {
    if (numbers.has(node)) continue
    if (node.op === 'parameter') throw new Error('internal: a parameter of a block is not among those it declares.')
    numbers.set(node, numbers.size)
    const blocks = node.regions?.map(({ signature }) => signature).join() ?? ''
    hash.update(
      `${node.op}|${node.inputs.map(numberOf).join()}|${printType(node.type)}|${node.attributes}|${node.region}|${blocks}\n`,
    )
  }
  hash.update(outputs.map(numberOf).join())
  return { parameters, outputs, signature: hash.digest('base64') }
}
