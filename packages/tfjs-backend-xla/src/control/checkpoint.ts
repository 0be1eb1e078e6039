import { clone, type Tensor, type TensorContainer, tidy, zeros } from '@tensorflow/tfjs-core'
import { currentXlaBackend } from '../current-backend'
import { type Node, withOrigin } from '../graph/graph'
import { type Flat, flatten, unflatten } from '../nest'
import { tensorOf } from './region'
import {
  capturesOf,
  disposeTape,
  isFloat,
  isolated,
  isTapeOn,
  onTape,
  presentId,
  pullback,
  recordGradient,
} from './tape'

/**
 * `fn`, but its gradient keeps only what goes in: what `fn` computes in between is computed again on the way back. Memory for a stack
 * of layers falls from all intermediate values to one value a layer, for about a third more computing.
 *
 * The result has gradients with respect to the arguments and everything that `fn` closes over. `fn` must be deterministic: random
 * numbers must come from a key. Inside a program of the `xla` backend an optimization barrier keeps the compiler from finding out that the values were there before
 * (and from computing them early). The gradient cannot be differentiated again.
 *
 * @param fn A function of tensors in nested arrays and plain objects (other arguments pass as they are).
 */
export const checkpoint =
  <A extends unknown[], R>(fn: (...args: A) => R): ((...args: A) => R) =>
  (...args) => {
    if (!isTapeOn()) return fn(...args)
    return tidy(() => remember(fn, args) as unknown as TensorContainer) as unknown as R
  }

const remember = <A extends unknown[], R>(fn: (...args: A) => R, args: A): R => {
  const given = flatten(args, 'the arguments of a checkpoint')
  const since = presentId()
  let result: Flat | undefined
  const call = (tensors: readonly Tensor[]): Tensor[] => {
    const flat = flatten(fn(...(unflatten(given.structure, tensors) as A)), 'the result of a checkpoint')
    result ??= flat
    return flat.tensors
  }
  const { result: results, tape } = onTape(() => call(given.tensors))
  const own = new Set(given.tensors.map(({ id }) => id))
  const captures = capturesOf(tape, results, ({ id }) => id > since || own.has(id))
  disposeTape(tape)
  // What is returned as it came is passed on as a tensor of its own, so that it has one place on the tape.
  const outputs = results.map((tensor) => (tensor.id > since ? tensor : isolated(() => clone(tensor))))
  const differentiable = outputs.map(isFloat)
  const sources = [...given.tensors, ...captures]
  const inputs = sources.filter(isFloat)
  if (inputs.length > 0 && differentiable.includes(true)) {
    const saved = isolated(() => sources.map((tensor) => clone(tensor)))
    recordGradient({
      name: 'checkpoint',
      inputs,
      outputs: outputs.filter(isFloat),
      saved,
      gradient: (dys) => {
        const weights = dys.filter((dy) => dy !== undefined)
        const [values, late] = behindBarrier(saved, weights)
        let next = 0
        const weightOf = dys.map((dy) => (dy ? late[next++] : undefined))
        const again = values.slice(0, given.tensors.length)
        return lend(captures, values.slice(again.length), () => {
          const { result: recomputed, tape } = onTape(() => call(again))
          const wanted = [...again, ...captures].filter(isFloat)
          const found = pullback(
            tape,
            recomputed.filter((_, i) => differentiable[i]),
            weightOf,
            wanted,
          )
          disposeTape(tape)
          return distinct(found, wanted)
        })
      },
    })
  }
  return unflatten(result!.structure, outputs) as R
}

/** Each gradient as a tensor of its own: TensorFlow.js disposes one when it adds another to it. */
const distinct = (gradients: readonly (Tensor | undefined)[], xs: readonly Tensor[]): Tensor[] =>
  gradients.map((dx, i) => (dx ? clone(dx) : zeros(xs[i]!.shape)))

/**
 * `saved` and `dys` behind one optimization barrier. The compiler cannot tell that the former have been used before, and what is
 * computed from them waits for the gradients that come in. Other backends compute when they are told.
 */
const behindBarrier = (saved: readonly Tensor[], dys: readonly Tensor[]): [Tensor[], Tensor[]] => {
  const backend = currentXlaBackend()
  const all = [...saved, ...dys]
  const copies = backend
    ? withOrigin(backend.hlo.graph, 'checkpoint', () => {
        const nodes: Node[] = all.map((tensor) => backend.value(tensor))
        return backend.hlo.barrier(nodes).map((node) => tensorOf(backend, node))
      })
    : all.map((tensor) => clone(tensor))
  return [copies.slice(0, saved.length), copies.slice(saved.length)]
}

/** What `lend` changes in a tensor. */
interface Lent {
  dataId: Tensor['dataId']
  isDisposedInternal: boolean
}

/**
 * Gives tensors the memory of `values` while `fn` runs. A function closes over tensors, not values: those made in the forward pass
 * may have been tidied away since, and come back to life for as long as the function runs again.
 */
const lend = <T>(tensors: readonly Tensor[], values: readonly Tensor[], fn: () => T): T => {
  const lent = tensors as unknown as Lent[]
  const before = lent.map(({ dataId, isDisposedInternal }) => ({ dataId, isDisposedInternal }))
  lent.forEach((tensor, i) => {
    Object.assign(tensor, { dataId: values[i]!.dataId, isDisposedInternal: false })
  })
  try {
    return fn()
  } finally {
    lent.forEach((tensor, i) => {
      Object.assign(tensor, before[i])
    })
  }
}
