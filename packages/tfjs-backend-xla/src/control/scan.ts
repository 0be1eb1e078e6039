import { stack, type Tensor, type TensorContainer, tidy, unstack } from '@tensorflow/tfjs-core'
import { currentXlaBackend } from '../current-backend'
import { type Flat, flatten, unflatten } from '../nest'
import { keepingVariables } from '../variables'
import { runLoop } from './loop'
import { flattenLike, type Row, type Stacked } from './structure'
import { ownTensors, presentId } from './tape'

export interface ScanOptions {
  /** Goes through `xs` from the last row to the first; `ys` keep the order of `xs`. Default false. */
  readonly reverse?: boolean
  /** The number of steps; needed only where `xs` holds no tensor. */
  readonly length?: number
}

const CARRY = 'the carry that the function of scan returns'

/**
 * Folds `f` over the rows of `xs`: `[carry, y] = f(carry, x)` for each, in turn. A recurrence of any length is one small program.
 *
 * On the `xla` backend, inside `jit` or outside, `f` runs once, to be recorded; the loop runs on the device (`stablehlo.while`). Other
 * backends call `f` for each row. Either way the result has gradients with respect to `init`, `xs` and everything that `f` closes over,
 * variables among them.
 *
 * Gradients on `xla` cost memory for the carry before each step (`steps x size of the carry`); what `f` computes in between is
 * computed again, once, on the way back. Other backends keep every intermediate value of every step. The gradient cannot be differentiated
 * again on `xla`.
 *
 * @param f One step. It must not assign variables, and must return a carry like the one that it is given.
 * @param init The first carry: a tensor, or nested arrays and plain objects of them.
 * @param xs Tensors of any structure whose first axis is the steps; null for none (give `length`).
 * @returns `[carry, ys]`: the last carry, and the `y` of all steps stacked along a new first axis.
 * @throws StructureError when the carry changes structure, shape or type.
 */
export const scan = <C, X, Y>(
  f: (carry: C, x: Row<X>) => readonly [C, Y],
  init: C,
  xs: X,
  options: ScanOptions = {},
): [C, Stacked<Y>] => {
  const first = flatten(init, 'the initial carry of scan')
  const rows = flatten(xs, 'the xs of scan')
  const length = lengthOf(rows, options.length)
  const { reverse = false } = options
  const backend = currentXlaBackend()
  let yFlat: Flat | undefined

  const step = (carry: readonly Tensor[], x: readonly Tensor[]): { carry: Tensor[]; ys: Tensor[] } => {
    const result = f(unflatten(first.structure, carry) as C, unflatten(rows.structure, x) as Row<X>)
    if (!Array.isArray(result) || result.length !== 2)
      throw new TypeError('the function of scan must return [carry, y]; y may be null.')
    const next = flattenLike(result[0], first, CARRY, 'the carry that it was given')
    const y = flatten(result[1], 'the y that the function of scan returns')
    yFlat ??= y
    return { carry: next, ys: flattenLike(result[1], yFlat, 'the y of a step of scan', 'that of the first') }
  }

  const run = (): { carry: Tensor[]; ys: Tensor[] } => {
    if (backend)
      return runLoop(backend, {
        name: 'scan',
        init: first.tensors,
        xs: rows.tensors,
        limit: length,
        reverse,
        body: step,
      })
    const since = presentId()
    const parts = rows.tensors.map((tensor) => unstack(tensor))
    const collected: Tensor[][] = []
    let carry = first.tensors
    keepingVariables('the body of scan', () => {
      for (let i = 0; i < length; i++) {
        const at = reverse ? length - 1 - i : i
        const x = parts.map((part) => part[at]!)
        const result = step(carry, x)
        carry = result.carry
        collected[at] = result.ys
      }
    })
    return { carry: ownTensors(carry, since), ys: yFlat!.tensors.map((_, i) => stack(collected.map((ys) => ys[i]!))) }
  }
  return tidy(() => {
    const { carry, ys } = run()
    return [unflatten(first.structure, carry), unflatten(yFlat!.structure, ys)] as unknown as TensorContainer
  }) as unknown as [C, Stacked<Y>]
}

const lengthOf = ({ tensors, paths }: Flat, given: number | undefined): number => {
  let length = given
  tensors.forEach((tensor, i) => {
    const name = `xs${paths[i]}`
    if (tensor.rank === 0) throw new TypeError(`scan: ${name} is a scalar; its first axis must be the steps.`)
    if (length !== undefined && tensor.shape[0] !== length)
      throw new TypeError(`scan: ${name} has ${tensor.shape[0]} rows where ${length} steps are expected.`)
    length = tensor.shape[0]!
  })
  if (length === undefined) throw new TypeError('scan without xs needs the option length, the number of steps.')
  if (!Number.isInteger(length) || length < 1) throw new RangeError(`scan needs at least one step, not ${length}.`)
  return length
}
