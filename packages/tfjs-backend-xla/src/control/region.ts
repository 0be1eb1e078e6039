import { engine, type Tensor, tidy } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../backend'
import { type Block, makeBlock } from '../graph/block'
import type { Node } from '../graph/graph'
import { elementOf, type TensorType } from '../graph/types'
import { Trace } from '../trace'
import { keepingVariables } from '../variables'

/** A recorded region that is not closed yet: which values from around it come in is known, where they stand is not. */
export interface Region {
  readonly trace: Trace
  readonly parameters: readonly Node[]
  readonly outputs: readonly Node[]
}

/** Blocks that belong to one op, and the values around it that they read: the op's last operands. */
export interface Closed {
  readonly blocks: readonly Block[]
  readonly captured: readonly Node[]
}

export const typeOf = (tensor: Tensor): TensorType => ({ element: elementOf(tensor.dtype), shape: tensor.shape })

/** A tensor of a recorded value. */
export const tensorOf = (backend: XlaBackend, node: Node): Tensor =>
  engine().makeTensorFromTensorInfo(backend.makeOutput(node))

/**
 * Records a region of the program under way. `build` runs TensorFlow.js ops, which are recorded in the region; it returns the region's
 * parameters, in order, and its results.
 *
 * @param what Names the construct for messages and origins: `scan`.
 * @param part What of it this is: `the body of scan`.
 */
export const recordRegion = (
  backend: XlaBackend,
  what: string,
  part: string,
  build: (trace: Trace) => { readonly parameters: readonly Node[]; readonly outputs: readonly Node[] },
): Region => {
  const parent = backend.trace
  const around = backend.hlo.graph.origin
  const trace = Trace.region(part, around ? `${around}/${what}` : what, parent)
  backend.trace = trace
  try {
    let region: ReturnType<typeof build> | undefined
    keepingVariables(part, () =>
      tidy(() => {
        region = build(trace)
      }),
    )
    return { trace, ...region! }
  } finally {
    backend.trace = parent
  }
}

/** Gives regions of one op the same last parameters: every value from around it that any of them reads. */
const close = (regions: readonly Region[], passOn: (region: Region) => boolean): Closed => {
  const captured = [...new Set(regions.flatMap(({ trace }) => [...trace.imports.keys()]))]
  const blocks = regions.map((region) => {
    const { trace, parameters, outputs } = region
    const more = captured.map((node) => trace.imports.get(node) ?? trace.argument(node.type))
    return makeBlock([...parameters, ...more], passOn(region) ? [...outputs, ...more] : outputs)
  })
  return { blocks, captured }
}

/** Closes the blocks of a loop, `[condition, body]`: the body passes on what it reads. */
export const closeLoop = (condition: Region, body: Region): Closed =>
  close([condition, body], (region) => region === body)

/** Closes the branches of a condition. */
export const closeBranches = (branches: readonly Region[]): Closed => close(branches, () => false)
