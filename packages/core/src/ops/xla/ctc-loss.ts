import { defineXlaKernel, type Hlo, type Node } from '@babble/tfjs-backend-xla'

const NEVER = Number.NEGATIVE_INFINITY

/** log(exp(a) + exp(b) + …) elementwise, with -inf for "impossible". */
const logSumExp = (h: Hlo, terms: readonly Node[]): Node => {
  const largest = terms.reduce((a, b) => h.max(a, b))
  const reference = h.select(h.compare('EQ', largest, h.constant(NEVER)), h.constant(0), largest)
  const sum = terms.map((term) => h.exp(h.sub(term, reference))).reduce((a, b) => h.add(a, b))
  return h.add(h.log(sum), reference)
}

/** Moves the states [batch, states] up by `by` places (down where negative); impossible ones come in. */
const shift = (h: Hlo, x: Node, by: number): Node => h.pad(x, h.constant(NEVER), [0, by], [0, -by])

const scalar = (h: Hlo, value: number): Node => h.constant(value, 'i32')

/** Row `t` of [time, batch, states]. */
const rowAt = (h: Hlo, x: Node, t: Node): Node => {
  const [, batch, states] = x.type.shape as [number, number, number]
  return h.reshape(h.dynamicSlice(x, [t, scalar(h, 0), scalar(h, 0)], [1, batch, states]), [batch, states])
}

const setRow = (h: Hlo, x: Node, row: Node, t: Node): Node =>
  h.dynamicUpdateSlice(x, h.reshape(row, [1, ...row.type.shape]), [t, scalar(h, 0), scalar(h, 0)])

/**
 * Connectionist temporal classification (Graves et al. 2006), forward and backward variables in log space, in one loop over
 * time: step i advances the forward variables at frame i and the backward ones at frame T - 1 - i.
 */
const lower = (
  h: Hlo,
  logProbs: Node,
  targets: Node,
  inputLengths: Node,
  targetLengths: Node,
  blankId: number,
): [Node, Node] => {
  const [batch, time, vocabulary] = logProbs.type.shape as [number, number, number]
  const maxTarget = targets.type.shape[1]!
  const states = 2 * maxTarget + 1
  const grid = [batch, states]
  const perItem = (x: Node, shape: readonly number[]) => h.broadcastInDim(x, shape, [0])

  // Labels of the states: blank, y1, blank, y2, …, blank. Padding of the targets (any value) is never reached.
  const clamped = h.min(h.max(targets, scalar(h, 0)), scalar(h, vocabulary - 1))
  const labels = h.pad(clamped, h.constant(blankId, 'i32'), [0, 1], [0, 1], [0, maxTarget > 1 ? 1 : 0])
  const extended = maxTarget === 0 ? h.constant(blankId, 'i32', grid) : labels
  const isLabel = h.compare('NE', extended, scalar(h, blankId))
  const twoBack = h.pad(extended, h.constant(-1, 'i32'), [0, 2], [0, -2])
  const canSkip = h.binary('and', isLabel, h.compare('NE', extended, twoBack))

  const emissionShape = [time, batch, states]
  const offset = h.mul(
    h.add(h.mul(h.iota(emissionShape, 1), scalar(h, time)), h.iota(emissionShape, 0)),
    scalar(h, vocabulary),
  )
  const index = h.add(offset, h.broadcastInDim(extended, emissionShape, [1, 2]))
  const emissions = h.take(h.reshape(logProbs, [batch * time * vocabulary]), index, 0)

  const state = h.iota(grid, 1)
  const lastState = perItem(h.mul(targetLengths, scalar(h, 2)), grid)
  const ending = h.binary(
    'or',
    h.compare('EQ', state, lastState),
    h.compare('EQ', state, h.sub(lastState, scalar(h, 1))),
  )
  const beginning = h.compare('LE', state, scalar(h, 1))
  const never = h.constant(NEVER, 'f32', grid)
  const final = h.select(ending, h.constant(0, 'f32', grid), never)
  const first = h.select(beginning, h.reshape(h.slice(emissions, [0, 0, 0], [1, batch, states]), grid), never)
  const lengths = perItem(inputLengths, grid)

  const stack = (row: Node, at: number) =>
    h.dynamicUpdateSlice(h.constant(NEVER, 'f32', emissionShape), h.reshape(row, [1, ...grid]), [
      scalar(h, at),
      scalar(h, 0),
      scalar(h, 0),
    ])
  const loop = h.whileLoop(
    [
      scalar(h, 1),
      first,
      final,
      stack(first, 0),
      stack(final, time - 1),
      emissions,
      h.convert(canSkip, 'i32'),
      lengths,
      final,
    ],
    (inner, [i]) => inner.compare('LT', i!, scalar(inner, time)),
    (inner, values) => {
      const [i, alpha, beta, alphas, betas, emitted, skip, ends, start] = values as [
        Node,
        Node,
        Node,
        Node,
        Node,
        Node,
        Node,
        Node,
        Node,
      ]
      const skips = inner.convert(skip, 'i1')
      const impossible = inner.constant(NEVER, 'f32', grid)
      const reached = logSumExp(inner, [
        alpha,
        shift(inner, alpha, 1),
        inner.select(skips, shift(inner, alpha, 2), impossible),
      ])
      const inside = inner.compare('LT', i, ends)
      const nextAlpha = inner.select(inside, inner.add(reached, rowAt(inner, emitted, i)), alpha)
      // Backward variable at t: what follows frame t, from each state.
      const t = inner.sub(scalar(inner, time - 1), i)
      const following = inner.add(t, scalar(inner, 1))
      const onward = inner.add(beta, rowAt(inner, emitted, following))
      const skipping = shift(inner, inner.select(skips, onward, impossible), -2)
      const left = logSumExp(inner, [onward, shift(inner, onward, -1), skipping])
      const nextBeta = inner.select(inner.compare('LT', following, ends), left, start)
      return [
        inner.add(i, scalar(inner, 1)),
        nextAlpha,
        nextBeta,
        setRow(inner, alphas, nextAlpha, i),
        setRow(inner, betas, nextBeta, t),
        emitted,
        skip,
        ends,
        start,
      ]
    },
  )
  const [, lastAlpha, , alphas, betas] = loop as [Node, Node, Node, Node, Node]

  const ended = h.select(ending, lastAlpha, never)
  const peak = h.reduce('maximum', ended, [1])
  const reference = h.select(h.compare('EQ', peak, h.constant(NEVER)), h.constant(0), peak)
  const total = h.add(h.log(h.sum(h.exp(h.sub(ended, perItem(reference, grid))), [1])), reference)
  const empty = h.compare('EQ', inputLengths, scalar(h, 0))
  const ofNothing = h.select(
    h.compare('EQ', targetLengths, scalar(h, 0)),
    h.constant(0),
    h.constant(Number.POSITIVE_INFINITY),
  )
  const losses = h.select(empty, ofNothing, h.neg(total))

  // Occupancy of each state at each frame, gathered by label: the loss falls by it as the label's log probability rises.
  const feasible = h.compare('NE', total, h.constant(NEVER))
  const logOccupancy = h.sub(
    h.add(alphas, betas),
    h.broadcastInDim(h.select(feasible, total, h.constant(0)), emissionShape, [1]),
  )
  const valid = h.binary(
    'and',
    h.compare('LT', h.iota(emissionShape, 0), h.broadcastInDim(inputLengths, emissionShape, [1])),
    h.broadcastInDim(feasible, emissionShape, [1]),
  )
  const occupancy = h.select(valid, h.exp(logOccupancy), h.constant(0))
  const classes = [batch, states, vocabulary]
  const oneHot = h.convert(h.compare('EQ', h.iota(classes, 2), h.broadcastInDim(extended, classes, [0, 1])), 'f32')
  const byLabel = h.dot(occupancy, oneHot, { batch: [[1], [0]], contract: [[2], [1]] })
  return [losses, h.neg(byLabel)]
}

/** Registers the `xla` lowering of core's CTC loss. */
export const registerCtcLossForXla = (): void => {
  defineXlaKernel<{ blankId: number }>('CtcLoss', ({ h, inputs, attrs }) => {
    const ints = (name: string) => h.convert(inputs[name]!, 'i32')
    return lower(h, inputs.logProbs!, ints('targets'), ints('inputLengths'), ints('targetLengths'), attrs.blankId)
  })
}
