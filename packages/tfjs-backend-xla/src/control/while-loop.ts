import { reshape, type Tensor, type TensorContainer, tidy } from '@tensorflow/tfjs-core'
import { currentXlaBackend } from '../current-backend'
import { flatten, unflatten } from '../nest'
import { keepingVariables } from '../variables'
import { refuseGradient, runLoop } from './loop'
import { flattenLike } from './structure'
import { capturesOf, disposeTape, isFloat, isolated, isTapeOn, onTape, ownTensors, presentId } from './tape'

export interface WhileLoopOptions {
  /** The most steps that the loop takes, whatever the condition says. Needed for gradients. Default: no bound. */
  readonly maxIterations?: number
}

/**
 * Runs `body` on a carry while `condition` holds for it: `carry = body(carry)`, no step at all if it does not hold at first.
 *
 * On the `xla` backend both functions run once, to be recorded, and the loop runs on the device (`stablehlo.while`): nothing is read on
 * the host. Other backends read the condition before each step.
 *
 * With `maxIterations` the result has gradients with respect to `init` and everything that `body` closes over; on `xla` that costs memory for
 * `maxIterations` carries, and time for the steps that were taken. Without it, a gradient is an error.
 *
 * @param condition A scalar tensor, true (or not 0) for another step.
 * @param body One step. It must not assign variables, and must return a carry like the one that it is given.
 * @param init The first carry: a tensor, or nested arrays and plain objects of them.
 * @throws StructureError when the carry changes structure, shape or type.
 */
export const whileLoop = <C>(
  condition: (carry: C) => Tensor,
  body: (carry: C) => C,
  init: C,
  options: WhileLoopOptions = {},
): C => {
  const first = flatten(init, 'the initial carry of whileLoop')
  const { maxIterations: limit } = options
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1))
    throw new RangeError(`maxIterations must be a whole number of at least 1, not ${limit}.`)
  if (first.tensors.length === 0) throw new TypeError('the carry of whileLoop holds no tensor.')
  const build = (carry: readonly Tensor[]) => unflatten(first.structure, carry) as C

  const step = (carry: readonly Tensor[]): Tensor[] =>
    flattenLike(
      body(build(carry)),
      first,
      'the carry that the body of whileLoop returns',
      'the carry that it was given',
    )
  const holds = (carry: readonly Tensor[]): Tensor => {
    const result = condition(build(carry))
    if (result.size !== 1)
      throw new TypeError(`the condition of whileLoop must be a scalar, not of shape [${result.shape}].`)
    return reshape(result, [])
  }
  const iterate = (): Tensor[] => {
    const since = presentId()
    let carry = first.tensors
    const goesOn = () => tidy(() => isolated(() => holds(carry)).dataSync()[0] !== 0)
    keepingVariables('the body of whileLoop', () => {
      for (let i = 0; i < (limit ?? Number.POSITIVE_INFINITY) && goesOn(); i++) carry = step(carry)
    })
    return ownTensors(carry, since)
  }
  const run = (): Tensor[] => {
    const backend = currentXlaBackend()
    if (backend) {
      const bodyOf = (carry: Tensor[]) => ({ carry: step(carry), ys: [] })
      const loop = {
        name: 'whileLoop',
        init: first.tensors,
        xs: [],
        limit,
        reverse: false,
        body: bodyOf,
        condition: holds,
      }
      return runLoop(backend, loop).carry
    }
    if (limit !== undefined || !isTapeOn()) return iterate()
    const since = presentId()
    const { result, tape } = onTape(iterate)
    const isOwn = ({ id }: Tensor) => id > since
    const inputs = [...first.tensors, ...capturesOf(tape, result, isOwn)].filter(isFloat)
    disposeTape(tape)
    refuseGradient(
      inputs,
      result.filter((tensor) => isOwn(tensor) && isFloat(tensor)),
    )
    return result
  }
  return tidy(() => build(run()) as unknown as TensorContainer) as unknown as C
}
