import { type Node, reachable } from './graph'
import { printType } from './types'

export interface Program {
  /** StableHLO module text. */
  readonly text: string
  /** The parameters in argument order. */
  readonly parameters: readonly Node[]
}

export interface PrintOptions {
  /** Argument order; parameters that `outputs` need and that are not listed come after these. Unused ones are kept. */
  readonly parameters?: readonly Node[]
  /** Argument index -> output index whose result may take over the argument's memory. */
  readonly donated?: ReadonlyMap<number, number>
  readonly name?: string
}

/** Prints the body of a block: one line an operation, values named `%<prefix><n>`. */
export const printBody = (
  nodes: readonly Node[],
  names: Map<Node, string>,
  prefix: string,
  indent: string,
): string[] => {
  const lines: string[] = []
  let next = 0
  for (const node of nodes) {
    if (names.has(node)) continue
    if (node.op === 'result') {
      names.set(node, `${names.get(node.inputs[0]!)}#${node.attributes}`)
      continue
    }
    const name = `%${prefix}${next++}`
    names.set(node, name)
    const operands = node.inputs.map((input) => names.get(input)).join(', ')
    const attributes = node.attributes === '' ? '' : ` <{${node.attributes}}>`
    const region = node.region === '' ? '' : ` ${node.region}`
    const from = node.inputs.map((input) => printType(input.type)).join(', ')
    const to = node.results ? `(${node.results.map(printType).join(', ')})` : printType(node.type)
    const bound = node.results ? `${name}:${node.results.length}` : name
    lines.push(`${indent}${bound} = "${node.op}"(${operands})${attributes}${region} : (${from}) -> ${to}`)
  }
  return lines
}

/** Prints the program that computes `outputs` as a StableHLO module with one public function `main`. */
export const printProgram = (outputs: readonly Node[], options: PrintOptions = {}): Program => {
  const nodes = reachable(outputs)
  const parameters = [...(options.parameters ?? [])]
  const known = new Set(parameters)
  for (const node of nodes) {
    if (node.op === 'parameter' && !known.has(node)) {
      known.add(node)
      parameters.push(node)
    }
  }
  const names = new Map<Node, string>()
  const args = parameters.map((node, i) => {
    names.set(node, `%arg${i}`)
    const target = options.donated?.get(i)
    const alias = target === undefined ? '' : ` {tf.aliasing_output = ${target} : i32}`
    return `%arg${i}: ${printType(node.type)}${alias}`
  })
  const body = printBody(nodes, names, '', '    ')
  const types = outputs.map((node) => printType(node.type)).join(', ')
  const name = (options.name ?? 'program').replace(/[^A-Za-z0-9_]/g, '_')
  const text = [
    `module @${name} {`,
    `  func.func public @main(${args.join(', ')}) -> (${types}) {`,
    ...body,
    `    "func.return"(${outputs.map((node) => names.get(node)).join(', ')}) : (${types}) -> ()`,
    '  }',
    '}',
    '',
  ].join('\n')
  return { text, parameters }
}
