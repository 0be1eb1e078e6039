import { type Block, makeBlock } from './block'
import { type ConvolutionOptions, convolutionAttributes, convolutionShape } from './convolution'
import { Graph, type Node } from './graph'
import { formatScalar, formatValues } from './literals'
import { type ElementType, isInteger, printType, sameShape, sizeOf, type TensorType } from './types'

export type BinaryOp =
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'maximum'
  | 'minimum'
  | 'power'
  | 'remainder'
  | 'atan2'
  | 'and'
  | 'or'
  | 'xor'
  | 'shift_left'
  | 'shift_right_logical'
  | 'shift_right_arithmetic'
export type Comparison = 'EQ' | 'NE' | 'LT' | 'LE' | 'GT' | 'GE'
export type ReduceOp = 'add' | 'multiply' | 'maximum' | 'minimum' | 'and' | 'or'

export interface DotOptions {
  readonly batch?: readonly [readonly number[], readonly number[]]
  readonly contract: readonly [readonly number[], readonly number[]]
}

const list = (values: readonly number[]): string => `[${values.join(', ')}]`
const array = (values: readonly (number | bigint)[]): string =>
  values.length ? `array<i64: ${values.join(', ')}>` : 'array<i64>'
const typed = (like: Node, shape: readonly number[], element: ElementType = like.type.element) => ({
  type: { element, shape },
})

/**
 * Builds StableHLO operations in one graph, with the shape of every result worked out and checked here, so that a mistake
 * is an error at the op that made it rather than in the compiler. Operands of binary ops broadcast as in TensorFlow.js.
 */
export class Hlo {
  constructor(readonly graph: Graph) {}

  /** One number, or one number repeated over `shape`. */
  constant(value: number, element: ElementType = 'f32', shape: readonly number[] = []): Node {
    const type: TensorType = { element, shape: [] }
    const scalar = this.graph.node('stablehlo.constant', [], {
      type,
      attributes: `value = dense<${formatScalar(value, element)}> : ${printType(type)}`,
    })
    return this.broadcast(scalar, shape)
  }

  /** A constant with these values in row-major order. */
  literal(values: ArrayLike<number>, element: ElementType, shape: readonly number[]): Node {
    const type: TensorType = { element, shape }
    if (values.length !== sizeOf(shape)) throw new Error(`${values.length} values do not fill ${printType(type)}.`)
    if (values.length === 1) return this.reshape(this.constant(values[0]!, element), shape)
    // MLIR packs the bits of i1 constants; going through i32 keeps one encoding.
    if (element === 'i1')
      return this.convert(
        this.literal(
          Int32Array.from(values, (v) => (v ? 1 : 0)),
          'i32',
          shape,
        ),
        'i1',
      )
    return this.graph.node('stablehlo.constant', [], {
      type,
      attributes: `value = dense<${formatValues(values, element)}> : ${printType(type)}`,
    })
  }

  iota(shape: readonly number[], axis: number, element: ElementType = 'i32'): Node {
    return this.graph.node('stablehlo.iota', [], {
      type: { element, shape },
      attributes: `iota_dimension = ${axis} : i64`,
    })
  }

  /** An elementwise op of one operand, by its full name (`stablehlo.exponential`, `chlo.erf`). */
  unary(op: string, x: Node, element: ElementType = x.type.element): Node {
    return this.graph.node(op, [x], typed(x, x.type.shape, element))
  }

  binary(op: BinaryOp, a: Node, b: Node): Node {
    const [x, y] = this.broadcastPair(a, b, op)
    return this.graph.node(`stablehlo.${op}`, [x, y], typed(x, x.type.shape))
  }

  add(a: Node, b: Node): Node {
    return this.binary('add', a, b)
  }
  sub(a: Node, b: Node): Node {
    return this.binary('subtract', a, b)
  }
  mul(a: Node, b: Node): Node {
    return this.binary('multiply', a, b)
  }
  div(a: Node, b: Node): Node {
    return this.binary('divide', a, b)
  }
  max(a: Node, b: Node): Node {
    return this.binary('maximum', a, b)
  }
  min(a: Node, b: Node): Node {
    return this.binary('minimum', a, b)
  }
  exp(x: Node): Node {
    return this.unary('stablehlo.exponential', x)
  }
  log(x: Node): Node {
    return this.unary('stablehlo.log', x)
  }
  neg(x: Node): Node {
    return this.unary('stablehlo.negate', x)
  }

  compare(direction: Comparison, a: Node, b: Node): Node {
    const [x, y] = this.broadcastPair(a, b, 'compare')
    const kind =
      x.type.element === 'i1'
        ? 'UNSIGNED'
        : isInteger(x.type.element)
          ? x.type.element.startsWith('u')
            ? 'UNSIGNED'
            : 'SIGNED'
          : 'FLOAT'
    const attributes = `comparison_direction = #stablehlo<comparison_direction ${direction}>, compare_type = #stablehlo<comparison_type ${kind}>`
    return this.graph.node('stablehlo.compare', [x, y], { ...typed(x, x.type.shape, 'i1'), attributes })
  }

  /** `condition ? a : b` elementwise; the three broadcast together. */
  select(condition: Node, a: Node, b: Node): Node {
    const shape = broadcastShape(broadcastShape(condition.type.shape, a.type.shape, 'select'), b.type.shape, 'select')
    const [c, x, y] = [condition, a, b].map((node) => this.broadcast(node, shape)) as [Node, Node, Node]
    return this.graph.node('stablehlo.select', [c, x, y], typed(x, shape))
  }

  convert(x: Node, element: ElementType): Node {
    if (x.type.element === element) return x
    if (element === 'i1') return this.compare('NE', x, this.constant(0, x.type.element))
    return this.graph.node('stablehlo.convert', [x], typed(x, x.type.shape, element))
  }

  bitcast(x: Node, element: ElementType): Node {
    return this.graph.node('stablehlo.bitcast_convert', [x], typed(x, x.type.shape, element))
  }

  /** Places `x`'s axes at `axes` of `shape` and repeats it over the others. */
  broadcastInDim(x: Node, shape: readonly number[], axes: readonly number[]): Node {
    if (sameShape(x.type.shape, shape) && axes.every((axis, i) => axis === i)) return x
    return this.graph.node('stablehlo.broadcast_in_dim', [x], {
      ...typed(x, shape),
      attributes: `broadcast_dimensions = ${array(axes)}`,
    })
  }

  /** Broadcasts with TensorFlow.js's rule: axes align on the right, and length 1 repeats. */
  broadcast(x: Node, shape: readonly number[]): Node {
    if (sameShape(x.type.shape, shape)) return x
    const offset = shape.length - x.type.shape.length
    return this.broadcastInDim(
      x,
      shape,
      x.type.shape.map((_, i) => i + offset),
    )
  }

  private broadcastPair(a: Node, b: Node, op: string): [Node, Node] {
    if (a.type.element !== b.type.element)
      throw new Error(`${op} of ${printType(a.type)} and ${printType(b.type)}: the element types differ.`)
    const shape = broadcastShape(a.type.shape, b.type.shape, op)
    return [this.broadcast(a, shape), this.broadcast(b, shape)]
  }

  reshape(x: Node, shape: readonly number[]): Node {
    if (sameShape(x.type.shape, shape)) return x
    if (sizeOf(x.type.shape) !== sizeOf(shape)) throw new Error(`cannot reshape ${printType(x.type)} to [${shape}].`)
    const source = x.op === 'stablehlo.reshape' ? x.inputs[0]! : x
    if (sameShape(source.type.shape, shape)) return source
    return this.graph.node('stablehlo.reshape', [source], typed(x, shape))
  }

  transpose(x: Node, permutation: readonly number[]): Node {
    if (permutation.every((axis, i) => axis === i)) return x
    return this.graph.node('stablehlo.transpose', [x], {
      ...typed(
        x,
        permutation.map((axis) => x.type.shape[axis]!),
      ),
      attributes: `permutation = ${array(permutation)}`,
    })
  }

  slice(
    x: Node,
    start: readonly number[],
    limit: readonly number[],
    strides: readonly number[] = start.map(() => 1),
  ): Node {
    if (start.every((n) => n === 0) && sameShape(limit, x.type.shape) && strides.every((n) => n === 1)) return x
    const shape = start.map((from, i) => Math.max(0, Math.ceil((limit[i]! - from) / strides[i]!)))
    const attributes = `start_indices = ${array(start)}, limit_indices = ${array(limit)}, strides = ${array(strides)}`
    return this.graph.node('stablehlo.slice', [x], { ...typed(x, shape), attributes })
  }

  /** Slice of length `sizes` that begins at run-time positions (one i32 scalar an axis; clamped to fit). */
  dynamicSlice(x: Node, starts: readonly Node[], sizes: readonly number[]): Node {
    return this.graph.node('stablehlo.dynamic_slice', [x, ...starts], {
      ...typed(x, sizes),
      attributes: `slice_sizes = ${array(sizes)}`,
    })
  }

  dynamicUpdateSlice(x: Node, update: Node, starts: readonly Node[]): Node {
    return this.graph.node('stablehlo.dynamic_update_slice', [x, update, ...starts], typed(x, x.type.shape))
  }

  concat(parts: readonly Node[], axis: number): Node {
    if (parts.length === 1) return parts[0]!
    const first = parts[0]!
    const shape = first.type.shape.map((n, i) =>
      i === axis ? parts.reduce((sum, part) => sum + part.type.shape[i]!, 0) : n,
    )
    return this.graph.node('stablehlo.concatenate', parts, {
      ...typed(first, shape),
      attributes: `dimension = ${axis} : i64`,
    })
  }

  /** Adds `low` and `high` elements at the ends of each axis (negative: takes away) and `interior` between neighbours. */
  pad(
    x: Node,
    value: Node,
    low: readonly number[],
    high: readonly number[],
    interior: readonly number[] = low.map(() => 0),
  ): Node {
    if ([...low, ...high, ...interior].every((n) => n === 0)) return x
    const shape = x.type.shape.map((n, i) => n + low[i]! + high[i]! + Math.max(0, n - 1) * interior[i]!)
    const attributes = `edge_padding_low = ${array(low)}, edge_padding_high = ${array(high)}, interior_padding = ${array(interior)}`
    return this.graph.node('stablehlo.pad', [x, value], { ...typed(x, shape), attributes })
  }

  reverse(x: Node, axes: readonly number[]): Node {
    if (axes.length === 0) return x
    return this.graph.node('stablehlo.reverse', [x], {
      ...typed(x, x.type.shape),
      attributes: `dimensions = ${array(axes)}`,
    })
  }

  /** Contracts axes of `a` with axes of `b`: batch axes first in the result, then `a`'s free axes, then `b`'s. */
  dot(a: Node, b: Node, { batch = [[], []], contract }: DotOptions): Node {
    for (const [axes, kind] of [
      [batch, 'batch'],
      [contract, 'contracted'],
    ] as const) {
      axes[0].forEach((axis, i) => {
        if (a.type.shape[axis] !== b.type.shape[axes[1][i]!]) {
          throw new Error(
            `dot of ${printType(a.type)} and ${printType(b.type)}: ${kind} axes ${axis} and ${axes[1][i]} differ in length.`,
          )
        }
      })
    }
    const free = (node: Node, side: 0 | 1) =>
      node.type.shape.filter((_, i) => !batch[side].includes(i) && !contract[side].includes(i))
    const shape = [...batch[0].map((axis) => a.type.shape[axis]!), ...free(a, 0), ...free(b, 1)]
    const numbers = `dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = ${list(batch[0])}, rhs_batching_dimensions = ${list(batch[1])}, lhs_contracting_dimensions = ${list(contract[0])}, rhs_contracting_dimensions = ${list(contract[1])}>`
    const precision = 'precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]'
    return this.graph.node('stablehlo.dot_general', [a, b], {
      ...typed(a, shape),
      attributes: `${numbers}, ${precision}`,
    })
  }

  convolution(x: Node, weight: Node, options: ConvolutionOptions): Node {
    const shape = convolutionShape(x.type.shape, weight.type.shape, options)
    return this.graph.node('stablehlo.convolution', [x, weight], {
      ...typed(x, shape),
      attributes: convolutionAttributes(options),
    })
  }

  /** Reduces `axes` away; `keepDims` leaves them with length 1. */
  reduce(op: ReduceOp, x: Node, axes: readonly number[], keepDims = false): Node {
    const { element, shape } = x.type
    const rest = shape.filter((_, i) => !axes.includes(i))
    const kept = keepDims ? shape.map((n, i) => (axes.includes(i) ? 1 : n)) : rest
    if (axes.length === 0) return x
    const scalar = printType({ element, shape: [] })
    const region = `({ ^bb0(%ra: ${scalar}, %rb: ${scalar}): %rc = "stablehlo.${op}"(%ra, %rb) : (${scalar}, ${scalar}) -> ${scalar} "stablehlo.return"(%rc) : (${scalar}) -> () })`
    const initial = this.constant(identityOf(op, element), element)
    const reduced = this.graph.node('stablehlo.reduce', [x, initial], {
      ...typed(x, rest),
      attributes: `dimensions = ${array([...axes].sort((a, b) => a - b))}`,
      region,
    })
    return this.reshape(reduced, kept)
  }

  sum(x: Node, axes: readonly number[], keepDims = false): Node {
    return this.reduce('add', x, axes, keepDims)
  }

  /** Cumulative or pooled reductions: one window an axis. */
  reduceWindow(
    op: ReduceOp,
    x: Node,
    window: readonly number[],
    strides: readonly number[],
    padding: readonly (readonly [number, number])[],
  ): Node {
    const { element, shape } = x.type
    const scalar = printType({ element, shape: [] })
    const region = `({ ^bb0(%ra: ${scalar}, %rb: ${scalar}): %rc = "stablehlo.${op}"(%ra, %rb) : (${scalar}, ${scalar}) -> ${scalar} "stablehlo.return"(%rc) : (${scalar}) -> () })`
    const out = shape.map((n, i) => Math.floor((n + padding[i]![0] + padding[i]![1] - window[i]!) / strides[i]!) + 1)
    const attributes = `window_dimensions = ${array(window)}, window_strides = ${array(strides)}, padding = dense<[${padding.map((p) => list(p)).join(', ')}]> : tensor<${padding.length}x2xi64>`
    return this.graph.node('stablehlo.reduce_window', [x, this.constant(identityOf(op, element), element)], {
      ...typed(x, out),
      attributes,
      region,
    })
  }

  /** Rows of `x` along `axis` at `indices` (out-of-range ones clamp); result [...before, ...indices, ...after]. */
  take(x: Node, indices: Node, axis: number): Node {
    const { shape } = x.type
    const rank = indices.type.shape.length
    const offsets = [...shape.keys()].filter((i) => i !== axis).map((i) => (i < axis ? i : i - 1 + rank))
    const out = [...shape.slice(0, axis), ...indices.type.shape, ...shape.slice(axis + 1)]
    const sizes = shape.map((n, i) => (i === axis ? 1 : n))
    const numbers = `dimension_numbers = #stablehlo.gather<offset_dims = ${list(offsets)}, collapsed_slice_dims = [${axis}], start_index_map = [${axis}], index_vector_dim = ${rank}>`
    return this.graph.node('stablehlo.gather', [x, indices], {
      ...typed(x, out),
      attributes: `${numbers}, slice_sizes = ${array(sizes)}, indices_are_sorted = false`,
    })
  }

  /** Elements or slices of `x` at index vectors `indices` [..., depth]; result [...indices[:-1], ...x[depth:]]. */
  gatherNd(x: Node, indices: Node): Node {
    const depth = indices.type.shape.at(-1)!
    const outer = indices.type.shape.slice(0, -1)
    const inner = x.type.shape.slice(depth)
    const axes = [...Array(depth).keys()]
    const numbers = `dimension_numbers = #stablehlo.gather<offset_dims = ${list(inner.map((_, i) => outer.length + i))}, collapsed_slice_dims = ${list(axes)}, start_index_map = ${list(axes)}, index_vector_dim = ${outer.length}>`
    const sizes = x.type.shape.map((n, i) => (i < depth ? 1 : n))
    return this.graph.node('stablehlo.gather', [x, indices], {
      ...typed(x, [...outer, ...inner]),
      attributes: `${numbers}, slice_sizes = ${array(sizes)}, indices_are_sorted = false`,
    })
  }

  /** Adds (or with `maximum`…, combines) `updates` [...indices[:-1], ...x[depth:]] into `x` at index vectors; out-of-range ones are dropped. */
  scatterNd(op: ReduceOp | 'assign', x: Node, indices: Node, updates: Node): Node {
    const depth = indices.type.shape.at(-1)!
    const outer = indices.type.shape.length - 1
    const axes = [...Array(depth).keys()]
    const scalar = printType({ element: x.type.element, shape: [] })
    const body =
      op === 'assign'
        ? `"stablehlo.return"(%rb)`
        : `%rc = "stablehlo.${op}"(%ra, %rb) : (${scalar}, ${scalar}) -> ${scalar} "stablehlo.return"(%rc)`
    const region = `({ ^bb0(%ra: ${scalar}, %rb: ${scalar}): ${body} : (${scalar}) -> () })`
    const window = x.type.shape.slice(depth).map((_, i) => outer + i)
    const numbers = `scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = ${list(window)}, inserted_window_dims = ${list(axes)}, scatter_dims_to_operand_dims = ${list(axes)}, index_vector_dim = ${outer}>`
    return this.graph.node('stablehlo.scatter', [x, indices, updates], {
      ...typed(x, x.type.shape),
      attributes: `${numbers}, indices_are_sorted = false, unique_indices = false`,
      region,
    })
  }

  /** Runs `body` on the loop's values while `condition` holds. Both see only these values: pass in all that they need. */
  whileLoop(
    initial: readonly Node[],
    condition: (h: Hlo, values: Node[]) => Node,
    body: (h: Hlo, values: Node[]) => Node[],
  ): Node[] {
    const block = (build: (h: Hlo, values: Node[]) => Node[]): Block => {
      const inner = new Hlo(new Graph(this.graph.origin))
      const values = initial.map(({ type }) => inner.graph.parameter({}, type))
      return makeBlock(values, build(inner, values))
    }
    return this.loop(
      initial,
      block((h, values) => [condition(h, values)]),
      block(body),
    )
  }

  /** {@link whileLoop} of blocks that have been recorded before. */
  loop(initial: readonly Node[], condition: Block, body: Block): Node[] {
    const types = initial.map((node) => node.type)
    for (const [label, given] of [
      ['the condition takes', condition.parameters],
      ['the body takes', body.parameters],
      ['the body returns', body.outputs],
    ] as const) {
      const actual = given.map(({ type }) => printType(type)).join(', ')
      const expected = types.map(printType).join(', ')
      if (actual !== expected) throw new Error(`while: ${label} (${actual}) where the loop's values are (${expected}).`)
    }
    return this.several('stablehlo.while', initial, types, [condition, body])
  }

  /** Runs the branch that the i32 scalar `index` names (the last one if there is none such) on `operands`. */
  branch(index: Node, operands: readonly Node[], branches: readonly Block[]): Node[] {
    const types = branches[0]!.outputs.map((node) => node.type)
    const expected = types.map(printType).join(', ')
    for (const { outputs } of branches) {
      const actual = outputs.map(({ type }) => printType(type)).join(', ')
      if (actual !== expected) throw new Error(`case: one branch returns (${expected}), another (${actual}).`)
    }
    return this.several('stablehlo.case', [index, ...operands], types, branches)
  }

  /** The same values, which the compiler may not trace back through and none of which it computes before all are known. */
  barrier(values: readonly Node[]): Node[] {
    return this.several(
      'stablehlo.optimization_barrier',
      values,
      values.map((node) => node.type),
    )
  }

  private several(
    op: string,
    inputs: readonly Node[],
    results: readonly TensorType[],
    regions?: readonly Block[],
  ): Node[] {
    if (results.length === 0) return []
    const node = this.graph.node(op, inputs, { type: results[0]!, results, ...(regions && { regions }) })
    return results.map((_, i) => this.graph.result(node, i))
  }
}

/** The shape that two operands broadcast to; a clear error where they do not. */
export const broadcastShape = (a: readonly number[], b: readonly number[], op: string): number[] => {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const [m, n] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1]
    if (m !== n && m !== 1 && n !== 1) throw new Error(`${op}: shapes [${a}] and [${b}] do not broadcast together.`)
    return m === 1 ? n : m
  })
}

const identityOf = (op: ReduceOp, element: ElementType): number => {
  if (op === 'add' || op === 'or') return 0
  if (op === 'multiply' || op === 'and') return 1
  const lowest = isInteger(element) ? (element.startsWith('u') ? 0 : -2147483648) : Number.NEGATIVE_INFINITY
  const highest = isInteger(element) ? (element.startsWith('u') ? 4294967295 : 2147483647) : Number.POSITIVE_INFINITY
  return op === 'maximum' ? lowest : highest
}
