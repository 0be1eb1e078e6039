import type { Tensor } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../backend'
import { type Node, withOrigin } from '../graph/graph'
import type { TensorType } from '../graph/types'
import { recordLoopGradient } from './loop-gradient'
import { INDEX, type Loop, type LoopResult, rowAt, rowOf, runBody, setRow, stackType, zeros } from './loop-parts'
import { closeLoop, type Region, recordRegion, tensorOf, typeOf } from './region'
import { capturesOf, disposeTape, isFloat, isolated, isTapeOn, presentId, recordGradient } from './tape'

/** Makes a gradient through an unbounded loop an error. */
export const refuseGradient = (inputs: readonly Tensor[], outputs: readonly Tensor[]): void => {
  const gradient = (): never => {
    throw new Error(
      'whileLoop has no gradient without a bound on its steps: give it maxIterations (memory for that many carries is reserved).',
    )
  }
  recordGradient({ name: 'whileLoop', inputs, outputs, saved: [], gradient })
}

/**
 * Runs a loop as one `stablehlo.while`. Its gradient is a second loop, backwards over the carries that the first has saved, which runs
 * the body again from each; it needs a limit, as the memory for the carries is reserved beforehand.
 */
export const runLoop = (backend: XlaBackend, loop: Loop): { carry: Tensor[]; ys: Tensor[] } => {
  backend.beforeKernel([...loop.init, ...loop.xs])
  const differentiable = isTapeOn()
  const forward = recordForward(backend, loop, differentiable && loop.limit !== undefined)
  const { carry, ys, captures } = forward
  const inputs = [...loop.init, ...loop.xs, ...captures].filter(isFloat)
  const outputs = [...carry, ...ys].filter(isFloat)
  if (!differentiable || inputs.length === 0 || outputs.length === 0) return { carry, ys }
  if (loop.limit === undefined) refuseGradient(inputs, outputs)
  else recordLoopGradient(backend, loop, forward, inputs, outputs)
  return { carry, ys }
}

const recordForward = (backend: XlaBackend, loop: Loop, save: boolean): LoopResult => {
  const { name, init, xs, limit } = loop
  let captures: Tensor[] = []
  let yTypes: TensorType[] = []
  const carryTypes = init.map(typeOf)
  const body = recordRegion(backend, name, `the body of ${name}`, (trace) => {
    const h = trace.hlo
    const index = trace.argument(INDEX)
    const carry = carryTypes.map((type) => trace.argument(type))
    const rows = xs.map((x) => trace.argument(typeOf(x)))
    const at = rowOf(h, loop, index)
    const since = presentId()
    const { result, tape } = runBody(
      backend,
      loop,
      carry,
      rows.map((row) => rowAt(h, row, at)),
      isTapeOn() || save,
    )
    captures = capturesOf(tape, [...result.carry, ...result.ys], ({ id }) => id > since).filter(isFloat)
    disposeTape(tape)
    const next = result.carry.map((tensor) => backend.value(tensor))
    const ys = result.ys.map((tensor) => backend.value(tensor))
    yTypes = ys.map((node) => node.type)
    const yStacks = yTypes.map((type) => trace.argument(stackType(type, limit!)))
    const stacks = save ? carryTypes.map((type) => trace.argument(stackType(type, limit!))) : []
    return {
      parameters: [index, ...carry, ...yStacks, ...stacks, ...rows],
      outputs: [
        h.add(index, h.constant(1, 'i32')),
        ...next,
        ...yStacks.map((stack, i) => setRow(h, stack, ys[i]!, at)),
        ...stacks.map((stack, i) => setRow(h, stack, carry[i]!, index)),
        ...rows,
      ],
    }
  })
  const condition = recordCondition(backend, loop, body)
  const { blocks, captured } = closeLoop(condition, body)
  const { hlo: h } = backend
  return withOrigin(h.graph, name, () => {
    const initial = [
      h.constant(0, 'i32'),
      ...init.map((tensor) => backend.value(tensor)),
      ...yTypes.map((type) => zeros(h, stackType(type, limit!))),
      ...(save ? carryTypes.map((type) => zeros(h, stackType(type, limit!))) : []),
      ...xs.map((tensor) => backend.value(tensor)),
      ...captured,
    ]
    const results = h.loop(initial, blocks[0]!, blocks[1]!)
    const [c, y] = [init.length, yTypes.length]
    const tensors = results.slice(1, 1 + c + y).map((node) => tensorOf(backend, node))
    return {
      carry: tensors.slice(0, c),
      ys: tensors.slice(c),
      stacks: save ? results.slice(1 + c + y, 1 + c + y + c) : [],
      count: loop.condition ? results[0]! : undefined,
      captures,
    }
  })
}

const recordCondition = (backend: XlaBackend, loop: Loop, body: Region): Region =>
  recordRegion(backend, loop.name, `the condition of ${loop.name}`, (trace) => {
    const h = trace.hlo
    const parameters = body.parameters.map((node) => trace.argument(node.type))
    const [index, ...rest] = parameters as [Node, ...Node[]]
    const below = loop.limit === undefined ? undefined : h.compare('LT', index, h.constant(loop.limit, 'i32'))
    if (!loop.condition) return { parameters, outputs: [below!] }
    const carry = rest.slice(0, loop.init.length).map((node) => tensorOf(backend, node))
    const holds = h.convert(backend.value(isolated(() => loop.condition!(carry))), 'i1')
    return { parameters, outputs: [below ? h.binary('and', holds, below) : holds] }
  })
