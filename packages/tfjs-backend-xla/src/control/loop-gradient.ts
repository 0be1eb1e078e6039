import { clone, type Tensor } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../backend'
import { withOrigin } from '../graph/graph'
import type { TensorType } from '../graph/types'
import { INDEX, type Loop, type LoopResult, rowAt, rowOf, runBody, setRow, stackType, zeros } from './loop-parts'
import { type Closed, closeLoop, recordRegion, tensorOf, typeOf } from './region'
import { disposeTape, isFloat, isolated, pullback, recordGradient } from './tape'

/**
 * Puts a loop that has run onto TensorFlow.js's tape. Everything that the gradient reads is recorded and held now, as tensors that the
 * body closes over may be gone when it is taken.
 *
 * @param inputs The float32 tensors among the first carry, the rows and the captured tensors, in this order.
 * @param outputs Those among the last carry and the results of the steps.
 */
export const recordLoopGradient = (
  backend: XlaBackend,
  loop: Loop,
  { ys, stacks, count, captures }: LoopResult,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
): void => {
  const backward = recordBackward(backend, loop, captures, ys)
  const stackTensors = isolated(() => [...stacks, ...(count ? [count] : [])].map((node) => tensorOf(backend, node)))
  const rows = isolated(() => loop.xs.map((x) => clone(x)))
  const around = isolated(() => backward.captured.map((node) => tensorOf(backend, node)))
  const saved = [...stackTensors, ...rows, ...around]
  const carried = loop.init.filter(isFloat).length
  recordGradient({
    name: loop.name,
    inputs,
    outputs,
    saved,
    gradient: (dys) => {
      const { hlo: h } = backend
      return withOrigin(h.graph, `${loop.name}/backward`, () => {
        const dOutputs = outputs.map((tensor, i) => (dys[i] ? backend.value(dys[i]) : zeros(h, typeOf(tensor))))
        const [dCarry, dYs] = [dOutputs.slice(0, carried), dOutputs.slice(carried)]
        const sums = captures.map((tensor) => zeros(h, typeOf(tensor)))
        const dXs = loop.xs.filter(isFloat).map((x) => zeros(h, typeOf(x)))
        const values = saved.map((tensor) => backend.value(tensor))
        const initial = [h.constant(0, 'i32'), ...dCarry, ...sums, ...dXs, ...dYs, ...values]
        const results = h.loop(initial, backward.blocks[0]!, backward.blocks[1]!)
        const [c, s, x] = [dCarry.length, sums.length, dXs.length]
        const of = (from: number, length: number) =>
          results.slice(1 + from, 1 + from + length).map((node) => tensorOf(backend, node))
        return [...of(0, c), ...of(c + s, x), ...of(c, s)]
      })
    },
  })
}

/**
 * The loop that takes gradients backwards. Its operands: index, gradients of the carry, sums for the captured tensors, rows of `dXs`
 * and `dYs`, then what was saved: carries, the number of steps where it is not fixed, rows of `xs`, and values from around.
 */
const recordBackward = (
  backend: XlaBackend,
  loop: Loop,
  captures: readonly Tensor[],
  ys: readonly Tensor[],
): Closed => {
  const { name, init, xs, limit } = loop
  const body = recordRegion(backend, `${name}/backward`, `the body of ${name}`, (trace) => {
    const h = trace.hlo
    const list = (types: readonly TensorType[]) => types.map((type) => trace.argument(type))
    const index = trace.argument(INDEX)
    const dCarry = list(init.filter(isFloat).map(typeOf))
    const sums = list(captures.map(typeOf))
    const dXs = list(xs.filter(isFloat).map(typeOf))
    const dYs = list(ys.filter(isFloat).map(typeOf))
    const stacks = list(init.map((tensor) => stackType(typeOf(tensor), limit!)))
    const count = loop.condition ? [trace.argument(INDEX)] : []
    const rows = list(xs.map(typeOf))
    const last = h.sub(count[0] ?? h.constant(limit!, 'i32'), h.constant(1, 'i32'))
    const step = h.sub(last, index)
    const at = rowOf(h, loop, step)
    const { result, tape, carry, x } = runBody(
      backend,
      loop,
      stacks.map((stack) => rowAt(h, stack, step)),
      rows.map((row) => rowAt(h, row, at)),
      true,
    )
    const wanted = [...carry.filter(isFloat), ...x.filter(isFloat), ...captures]
    const weights = [...dCarry, ...dYs.map((stack) => rowAt(h, stack, at))].map((node) => tensorOf(backend, node))
    const outputs = [...result.carry, ...result.ys].filter(isFloat)
    const found = isolated(() => pullback(tape, outputs, weights, wanted))
    disposeTape(tape)
    const gradients = found.map((dx, i) => (dx ? backend.value(dx) : zeros(h, typeOf(wanted[i]!))))
    const [c, n] = [dCarry.length, dXs.length]
    return {
      parameters: [index, ...dCarry, ...sums, ...dXs, ...dYs, ...stacks, ...count, ...rows],
      outputs: [
        h.add(index, h.constant(1, 'i32')),
        ...gradients.slice(0, c),
        ...sums.map((sum, i) => h.add(sum, gradients[c + n + i]!)),
        ...dXs.map((stack, i) => setRow(h, stack, gradients[c + i]!, at)),
        ...dYs,
        ...stacks,
        ...count,
        ...rows,
      ],
    }
  })
  const condition = recordRegion(backend, `${name}/backward`, `the condition of ${name}`, (trace) => {
    const h = trace.hlo
    const parameters = body.parameters.map((node) => trace.argument(node.type))
    const floats = (tensors: readonly Tensor[]) => tensors.filter(isFloat).length
    const countAt = 1 + floats(init) + captures.length + floats(xs) + floats(ys) + init.length
    const limitNode = loop.condition ? parameters[countAt]! : h.constant(limit!, 'i32')
    return { parameters, outputs: [h.compare('LT', parameters[0]!, limitNode)] }
  })
  return closeLoop(condition, body)
}
