import type { Tensor } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../backend'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import type { TensorType } from '../graph/types'
import { tensorOf } from './region'
import { isolated, onTape, type Tape } from './tape'

/** A loop over a carry, of a known number of steps or while a condition holds. */
export interface Loop {
  /** Names the construct: `scan`. */
  readonly name: string
  readonly init: readonly Tensor[]
  /** Stacked inputs, a row a step. */
  readonly xs: readonly Tensor[]
  /** The number of steps or, where there is a condition, the most; undefined if there is no bound. */
  readonly limit: number | undefined
  /** Goes through the rows from the last to the first. */
  readonly reverse: boolean
  readonly body: (carry: Tensor[], x: Tensor[]) => { readonly carry: readonly Tensor[]; readonly ys: readonly Tensor[] }
  readonly condition?: (carry: Tensor[]) => Tensor
}

/** What a loop has computed and what its gradient needs. */
export interface LoopResult {
  readonly carry: Tensor[]
  readonly ys: Tensor[]
  /** The carry before each step, stacked. */
  readonly stacks: readonly Node[]
  /** The number of steps that ran, where it is not known beforehand. */
  readonly count: Node | undefined
  /** The float32 tensors that the body closes over. */
  readonly captures: readonly Tensor[]
}

/** The type of step counters. */
export const INDEX: TensorType = { element: 'i32', shape: [] }

export const zeros = (h: Hlo, { element, shape }: TensorType): Node => h.constant(0, element, shape)

/** A row of `type` for each of `length` steps. */
export const stackType = (type: TensorType, length: number): TensorType => ({ ...type, shape: [length, ...type.shape] })

export const rowAt = (h: Hlo, stack: Node, at: Node): Node => {
  const [, ...row] = stack.type.shape
  const start = [at, ...row.map(() => h.constant(0, 'i32'))]
  return h.reshape(h.dynamicSlice(stack, start, [1, ...row]), row)
}

export const setRow = (h: Hlo, stack: Node, row: Node, at: Node): Node => {
  const start = [at, ...row.type.shape.map(() => h.constant(0, 'i32'))]
  return h.dynamicUpdateSlice(stack, h.reshape(row, [1, ...row.type.shape]), start)
}

/** Which row step `i` works on. */
export const rowOf = (h: Hlo, loop: Loop, i: Node): Node =>
  loop.reverse ? h.sub(h.constant(loop.limit! - 1, 'i32'), i) : i

/** Records one step, on a tape of its own where `taped`. The tape is the caller's to dispose. */
export const runBody = (
  backend: XlaBackend,
  loop: Loop,
  carry: readonly Node[],
  rows: readonly Node[],
  taped: boolean,
): { result: ReturnType<Loop['body']>; tape: Tape; carry: Tensor[]; x: Tensor[] } => {
  const carryTensors = carry.map((node) => tensorOf(backend, node))
  const x = rows.map((node) => tensorOf(backend, node))
  const run = () => loop.body(carryTensors, x)
  const { result, tape } = taped ? onTape(run) : { result: isolated(run), tape: [] }
  return { result, tape, carry: carryTensors, x }
}
