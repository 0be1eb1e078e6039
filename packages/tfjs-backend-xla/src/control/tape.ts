import { add, clone, engine, type Tensor, tidy } from '@tensorflow/tfjs-core'

type TapeNode = ReturnType<typeof engine>['state']['activeTape'][number]

/** The ops that ran under a tape, in order. */
export type Tape = readonly TapeNode[]

/** Whether TensorFlow.js is recording ops for a gradient. */
export const isTapeOn = (): boolean => {
  const { gradientDepth, kernelDepth } = engine().state
  return gradientDepth > 0 && kernelDepth === 0
}

/**
 * Runs `fn` as if no op and no gradient were under way around it, so that it may take gradients of its own. Ops inside are on no tape.
 */
export const isolated = <T>(fn: () => T): T => {
  const { state } = engine()
  const { gradientDepth, kernelDepth, activeTape } = state
  state.gradientDepth = 0
  state.kernelDepth = 0
  try {
    return fn()
  } finally {
    Object.assign(state, { gradientDepth, kernelDepth, activeTape })
  }
}

/** Runs `fn` on a tape of its own. What the tape saves lives until {@link disposeTape}. */
export const onTape = <T>(fn: () => T): { readonly result: T; readonly tape: Tape } =>
  isolated(() => {
    const { state } = engine()
    const tape: TapeNode[] = []
    state.activeTape = tape
    state.gradientDepth = 1
    try {
      return { result: fn(), tape }
    } catch (error) {
      disposeTape(tape)
      throw error
    }
  })

export const disposeTape = (tape: Tape): void => {
  for (const { saved } of tape) for (const tensor of saved ?? []) tensor.dispose()
}

const inputsOf = (node: TapeNode): Tensor[] => Object.values(node.inputs).filter((input) => input != null)

/** Whether a tensor can have a gradient. */
export const isFloat = (tensor: Tensor): boolean => tensor.dtype === 'float32'

/**
 * The tensors that a function closed over: those that its ops read, or that it returned as they are, and that `isOwn` does not count
 * among its arguments and what it made.
 */
export const capturesOf = (tape: Tape, results: readonly Tensor[], isOwn: (tensor: Tensor) => boolean): Tensor[] => {
  const captured = new Map<number, Tensor>()
  for (const tensor of [...tape.flatMap(inputsOf), ...results]) if (!isOwn(tensor)) captured.set(tensor.id, tensor)
  return [...captured.values()]
}

/** Tensors made since, and copies (sharing memory) of those that were there before: results that a caller may dispose. */
export const ownTensors = (tensors: readonly Tensor[], since: number): Tensor[] =>
  tensors.map((tensor) => (tensor.id > since ? tensor : clone(tensor)))

/** A number that every tensor made from now on has an id above. */
export const presentId = (): number => {
  const marker = engine().makeTensor(new Float32Array(1), [], 'float32')
  marker.dispose()
  return marker.id
}

/**
 * The gradients of `outputs`, weighted by `dys`, with respect to `xs`; undefined for what they do not depend on.
 *
 * TensorFlow.js's own walk over a tape takes one output; loops and branches have several.
 */
export const pullback = (
  tape: Tape,
  outputs: readonly Tensor[],
  dys: readonly (Tensor | undefined)[],
  xs: readonly Tensor[],
): (Tensor | undefined)[] => {
  const fromX = new Set(xs.map((x) => x.id))
  const onPath = tape.filter((node) => {
    if (!inputsOf(node).some((input) => fromX.has(input.id))) return false
    for (const output of node.outputs) fromX.add(output.id)
    return true
  })
  const gradients = new Map<number, Tensor>()
  const accumulate = (id: number, dx: Tensor): void => {
    const known = gradients.get(id)
    gradients.set(id, known ? add(known, dx) : dx)
  }
  outputs.forEach((output, i) => {
    const dy = dys[i]
    if (dy) accumulate(output.id, dy)
  })
  for (const node of onPath.reverse()) {
    const dNode = node.outputs.map((output) => gradients.get(output.id))
    if (dNode.every((dy) => dy === undefined)) continue
    if (!node.gradient) throw new Error(`no gradient is registered for the op ${node.kernelName}.`)
    const inputGradients = node.gradient(dNode as Tensor[])
    for (const [name, input] of Object.entries(node.inputs)) {
      if (!input || !fromX.has(input.id)) continue
      const gradient = inputGradients[name]
      if (!gradient) throw new Error(`the gradient of ${node.kernelName} leaves its input ${name} out.`)
      const dx = tidy(() => gradient())
      if (dx.dtype !== 'float32' || dx.shape.join() !== input.shape.join())
        throw new Error(
          `the gradient of ${node.kernelName} for its input ${name} is ${dx.dtype} [${dx.shape}], not float32 [${input.shape}].`,
        )
      accumulate(input.id, dx)
    }
  }
  return xs.map((x) => gradients.get(x.id))
}

export interface GradientOptions {
  readonly name: string
  /** The differentiable (float32) tensors that the op has read. */
  readonly inputs: readonly Tensor[]
  /** Its float32 results. */
  readonly outputs: readonly Tensor[]
  /** Kept until the gradient is taken; the tape disposes them. */
  readonly saved: readonly Tensor[]
  /** Gradients of the inputs, each a tensor of its own. */
  readonly gradient: (dys: readonly (Tensor | undefined)[]) => readonly Tensor[]
}

/** Puts an op that has run onto the tape. Call it only while {@link isTapeOn}. Its gradient cannot be differentiated again. */
export const recordGradient = ({ name, inputs, outputs, saved, gradient }: GradientOptions): void => {
  const { state } = engine()
  for (const tensor of saved) engine().keep(tensor)
  state.activeTape.push({
    id: state.nextTapeNodeId++,
    kernelName: name,
    inputs: Object.fromEntries(inputs.map((input, i) => [i, input])),
    outputs: [...outputs],
    saved: [...saved],
    gradient: (dys) => {
      const given = dys.map((dy) => dy ?? undefined)
      const gradients = isolated(() => gradient(given))
      if (isTapeOn()) {
        recordGradient({
          name: `${name}Gradient`,
          inputs: [...inputs, ...given.filter((dy) => dy !== undefined)],
          outputs: gradients,
          saved: [],
          gradient: () => {
            throw new Error(`${name} cannot be differentiated twice: its gradient has no gradient.`)
          },
        })
      }
      return Object.fromEntries(gradients.map((dx, i) => [i, () => dx]))
    },
  })
}
