import type { Partitioning, Placement } from '../pjrt/index'
import type { Block } from './block'
import type { Node } from './graph'
import { reachable } from './reachable'
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
  /** Split the program over several devices: how arguments and results lie on them. */
  readonly partitioning?: Partitioning | undefined
}

/** The attribute (of the Shardy dialect) that says how a value lies on the devices. */
const sharding = (placement: Placement, { type }: Node): string => {
  const axes = type.shape.map((_, axis) => (placement === 'sharded' && axis === 0 ? '{"batch"}' : '{}'))
  return `sdy.sharding = #sdy.sharding<@devices, [${axes.join(', ')}]>`
}

const braced = (attributes: readonly string[]): string => (attributes.length > 0 ? ` {${attributes.join(', ')}}` : '')

/** Prints operations one a line. Values are numbered through the whole program, so that no region hides a name of another. */
class Printer {
  readonly lines: string[] = []
  #next = 0

  body(nodes: readonly Node[], names: Map<Node, string>, indent: string): void {
    for (const node of nodes) {
      if (names.has(node)) continue
      if (node.op === 'result') {
        names.set(node, `${names.get(node.inputs[0]!)}#${node.attributes}`)
        continue
      }
      const name = `%${this.#next++}`
      names.set(node, name)
      // The branches of a case have no parameters of their own: they name the values around them.
      const inputs = node.op === 'stablehlo.case' ? node.inputs.slice(0, 1) : node.inputs
      const operands = inputs.map((input) => names.get(input)).join(', ')
      const attributes = node.attributes === '' ? '' : ` <{${node.attributes}}>`
      const from = inputs.map((input) => printType(input.type)).join(', ')
      const to = node.results ? `(${node.results.map(printType).join(', ')})` : printType(node.type)
      const bound = node.results ? `${name}:${node.results.length}` : name
      const head = `${indent}${bound} = "${node.op}"(${operands})${attributes}`
      const tail = ` : (${from}) -> ${to}`
      if (!node.regions) {
        this.lines.push(`${head}${node.region === '' ? '' : ` ${node.region}`}${tail}`)
        continue
      }
      this.lines.push(`${head} ({`)
      node.regions.forEach((block, i) => {
        if (i > 0) this.lines.push(`${indent}}, {`)
        const captured =
          node.op === 'stablehlo.case' ? node.inputs.slice(1).map((input) => names.get(input)!) : undefined
        this.#block(block, captured, `${indent}  `)
      })
      this.lines.push(`${indent}})${tail}`)
    }
  }

  #block({ parameters, outputs }: Block, captured: readonly string[] | undefined, indent: string): void {
    const names = new Map<Node, string>()
    const declared = parameters.map((node, i) => {
      const name = captured ? captured[i]! : `%${this.#next++}`
      names.set(node, name)
      return `${name}: ${printType(node.type)}`
    })
    if (!captured) this.lines.push(`${indent}^bb0(${declared.join(', ')}):`)
    this.body(reachable(outputs), names, indent)
    const types = outputs.map((node) => printType(node.type)).join(', ')
    this.lines.push(
      `${indent}"stablehlo.return"(${outputs.map((node) => names.get(node)).join(', ')}) : (${types}) -> ()`,
    )
  }
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
  const { partitioning } = options
  const names = new Map<Node, string>()
  const args = parameters.map((node, i) => {
    names.set(node, `%arg${i}`)
    const target = options.donated?.get(i)
    const attributes = target === undefined ? [] : [`tf.aliasing_output = ${target} : i32`]
    if (partitioning) attributes.push(sharding(partitioning.inputs[i] ?? 'replicated', node))
    return `%arg${i}: ${printType(node.type)}${braced(attributes)}`
  })
  const printer = new Printer()
  printer.body(nodes, names, '    ')
  const types = outputs.map((node) => printType(node.type)).join(', ')
  const results = outputs.map((node, i) => {
    const placement = partitioning && sharding(partitioning.outputs[i] ?? 'replicated', node)
    return `${printType(node.type)}${braced(placement ? [placement] : [])}`
  })
  const mesh = partitioning ? [`  sdy.mesh @devices = <["batch"=${partitioning.devices}]>`] : []
  const name = (options.name ?? 'program').replace(/[^A-Za-z0-9_]/g, '_')
  const text = [
    `module @${name} {`,
    ...mesh,
    `  func.func public @main(${args.join(', ')}) -> (${results.join(', ')}) {`,
    ...printer.lines,
    `    "func.return"(${outputs.map((node) => names.get(node)).join(', ')}) : (${types}) -> ()`,
    '  }',
    '}',
    '',
  ].join('\n')
  return { text, parameters }
}
