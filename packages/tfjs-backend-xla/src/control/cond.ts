import { clone, type Tensor, type TensorContainer, tidy } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../backend'
import { currentXlaBackend } from '../current-backend'
import { type Node, withOrigin } from '../graph/graph'
import { type Flat, flatten, unflatten } from '../nest'
import { closeBranches, recordRegion, tensorOf, typeOf } from './region'
import { flattenLike } from './structure'
import {
  capturesOf,
  disposeTape,
  isFloat,
  isolated,
  isTapeOn,
  onTape,
  ownTensors,
  presentId,
  pullback,
  recordGradient,
} from './tape'

type Branch = () => readonly Tensor[]

/**
 * `onTrue(...operands)` where `pred` holds, else `onFalse(...operands)`. Only the branch that is taken runs.
 *
 * On the `xla` backend both functions are recorded and the device chooses (`stablehlo.case`); `pred` is not read. Other
 * backends read it. The result has gradients with respect to the operands and everything that the branches close over; on `xla` the
 * branch runs a second time for them, nothing in between is kept, and they cannot be differentiated again.
 *
 * @param pred A scalar tensor (true, or not 0), or a boolean, which decides while recording.
 * @param onTrue, onFalse Functions of the operands that return tensors of the same structure, shapes and types. They must not assign variables.
 * @throws StructureError when the two results differ in structure, shape or type.
 */
export const cond = <A extends unknown[], R>(
  pred: Tensor | boolean,
  onTrue: (...operands: A) => R,
  onFalse: (...operands: A) => R,
  ...operands: A
): R => {
  if (typeof pred === 'boolean') return pred ? onTrue(...operands) : onFalse(...operands)
  if (pred.size !== 1) throw new TypeError(`the predicate of cond must be a scalar, not of shape [${pred.shape}].`)
  const backend = currentXlaBackend()
  const run = (): R => {
    if (!backend) {
      const since = presentId()
      const taken = (pred.dataSync()[0] !== 0 ? onTrue : onFalse)(...operands)
      const { tensors, structure } = flatten(taken, 'the result of cond')
      return unflatten(structure, ownTensors(tensors, since)) as R
    }
    let first: Flat | undefined
    const branchOf = (fn: (...operands: A) => R) => (): Tensor[] => {
      const value = fn(...operands)
      first ??= flatten(value, 'the result of cond')
      return flattenLike(value, first, 'what one branch of cond returns', 'what the other returns')
    }
    const results = runBranches(backend, pred, [branchOf(onFalse), branchOf(onTrue)])
    return unflatten(first!.structure, results) as R
  }
  return tidy(() => run() as unknown as TensorContainer) as unknown as R
}

/** Runs one of two functions of the same results, by one `stablehlo.case`: the second where `pred` is not 0. */
const runBranches = (backend: XlaBackend, pred: Tensor, branches: readonly Branch[]): Tensor[] => {
  const differentiable = isTapeOn()
  const captures = new Map<number, Tensor>()
  let floats: boolean[] = []
  const regions = branches.map((branch) =>
    recordRegion(backend, 'cond', 'a branch of cond', () => {
      const since = presentId()
      const { result, tape } = differentiable ? onTape(branch) : { result: isolated(branch), tape: [] }
      for (const tensor of capturesOf(tape, result, ({ id }) => id > since)) captures.set(tensor.id, tensor)
      disposeTape(tape)
      floats = result.map(isFloat)
      return { parameters: [], outputs: result.map((tensor) => backend.value(tensor)) }
    }),
  )
  const forward = closeBranches(regions)
  const chosen = backend.hlo.convert(backend.hlo.convert(backend.hlo.reshape(backend.value(pred), []), 'i1'), 'i32')
  const results = withOrigin(backend.hlo.graph, 'cond', () =>
    backend.hlo.branch(chosen, forward.captured, forward.blocks).map((node) => tensorOf(backend, node)),
  )
  const inputs = [...captures.values()].filter(isFloat)
  const outputs = results.filter((_, i) => floats[i])
  if (!differentiable || inputs.length === 0 || outputs.length === 0) return results

  const backward = branches.map((branch) =>
    recordRegion(backend, 'cond/backward', 'a branch of cond', (trace) => {
      const dOutputs = outputs.map((tensor) => trace.argument(typeOf(tensor)))
      const weights = dOutputs.map((node) => tensorOf(backend, node))
      const { result, tape } = onTape(branch)
      const found = isolated(() => pullback(tape, result.filter(isFloat), weights, inputs))
      disposeTape(tape)
      const zero = (tensor: Tensor): Node => trace.hlo.constant(0, 'f32', tensor.shape)
      return {
        parameters: dOutputs,
        outputs: found.map((dx, i) => (dx ? backend.value(dx) : zero(inputs[i]!))),
      }
    }),
  )
  const closed = closeBranches(backward)
  const saved = isolated(() => [clone(pred), ...closed.captured.map((node) => tensorOf(backend, node))])
  recordGradient({
    name: 'cond',
    inputs,
    outputs,
    saved,
    gradient: (dys) => {
      const { hlo: h } = backend
      return withOrigin(h.graph, 'cond/backward', () => {
        const dOutputs = dys.map((dy, i) => (dy ? backend.value(dy) : h.constant(0, 'f32', outputs[i]!.shape)))
        const [predicate, ...around] = saved.map((tensor) => backend.value(tensor)) as [Node, ...Node[]]
        const index = h.convert(h.convert(h.reshape(predicate, []), 'i1'), 'i32')
        return h.branch(index, [...dOutputs, ...around], closed.blocks).map((node) => tensorOf(backend, node))
      })
    },
  })
  return results
}
