import { defineXlaKernel, type Hlo, type Node } from '@babble/tfjs-backend-xla'

interface Conv1dAttributes {
  readonly stride: number
  readonly padding: readonly [number, number]
  readonly groups: number
  readonly dilation: number
}

/** x [batch, time, channels] */
const signalAxes = { batch: 0, feature: 2, spatial: [1] }

/** The windows of a one-channel signal side by side: [batch, time, 1] -> [batch, frames, kernel]. */
const frames = (h: Hlo, x: Node, kernel: number, stride: number, count: number): Node => {
  const batch = x.type.shape[0]!
  const taps = Array.from({ length: kernel }, (_, k) =>
    h.slice(x, [0, k, 0], [batch, k + (count - 1) * stride + 1, 1], [1, stride, 1]),
  )
  return h.concat(taps, 2)
}

const padTime = (h: Hlo, x: Node, low: number, high: number): Node =>
  h.pad(x, h.constant(0, x.type.element), [0, low, 0], [0, high, 0])

/** The runs of kernel taps that fall into the same row: [first tap, count], each at most `stride` long. */
const tapRuns = (kernel: number, stride: number): [number, number][] =>
  Array.from({ length: Math.ceil(kernel / stride) }, (_, run) => [
    run * stride,
    Math.min(stride, kernel - run * stride),
  ])

/** XLA's CPU convolution gradients run at about half of its matrix products: strided, ungrouped ones are done by products. */
const byProducts = (device: string, { stride, groups, dilation }: Conv1dAttributes, kernel: number): boolean =>
  device === 'cpu' && groups === 1 && dilation === 1 && stride > 1 && Math.ceil(kernel / stride) <= 4

const forward = (h: Hlo, x: Node, weight: Node, { stride, padding, groups, dilation }: Conv1dAttributes): Node => {
  const [outChannels, , kernel] = weight.type.shape as [number, number, number]
  if (x.type.shape[2] === 1 && groups === 1 && dilation === 1) {
    const padded = padTime(h, x, ...padding)
    const count = Math.floor((padded.type.shape[1]! - kernel) / stride) + 1
    return h.dot(frames(h, padded, kernel, stride, count), h.reshape(weight, [outChannels, kernel]), {
      contract: [[2], [1]],
    })
  }
  return h.convolution(x, weight, {
    input: signalAxes,
    kernel: { batch: 1, feature: 0, spatial: [2] },
    output: signalAxes,
    strides: [stride],
    padding: [padding],
    kernelDilation: [dilation],
    groups,
  })
}

const inputGradientByProducts = (
  h: Hlo,
  dy: Node,
  weight: Node,
  attrs: Conv1dAttributes,
  inputLength: number,
): Node => {
  const { stride, padding } = attrs
  const [outChannels, channels, kernel] = weight.type.shape as [number, number, number]
  const [batch, count] = dy.type.shape as [number, number, number]
  const total = padding[0] + inputLength + padding[1]
  const taps = h.transpose(weight, [0, 2, 1])
  const parts = tapRuns(kernel, stride).map(([first, length]) => {
    const run = h.reshape(h.slice(taps, [0, first, 0], [outChannels, first + length, channels]), [
      outChannels,
      length * channels,
    ])
    const rows = h.reshape(h.dot(dy, run, { contract: [[2], [0]] }), [batch, count, length, channels])
    const spread = h.pad(rows, h.constant(0, dy.type.element), [0, 0, 0, 0], [0, 0, stride - length, 0])
    const signal = h.reshape(spread, [batch, count * stride, channels])
    // A row's tail past the input is zeros or taps that no window used; negative padding takes it off.
    return padTime(h, signal, first, total - first - count * stride)
  })
  const sum = parts.reduce((left, right) => h.add(left, right))
  return h.slice(sum, [0, padding[0], 0], [batch, padding[0] + inputLength, channels])
}

const inputGradient = (h: Hlo, dy: Node, weight: Node, attrs: Conv1dAttributes, inputLength: number): Node => {
  const { stride, padding, groups, dilation } = attrs
  const [outChannels, groupChannels, kernel] = weight.type.shape as [number, number, number]
  const perGroup = outChannels / groups
  const flipped = h.reshape(h.reverse(weight, [2]), [groups, perGroup, groupChannels, kernel])
  const swapped = h.reshape(h.transpose(flipped, [0, 2, 1, 3]), [groups * groupChannels, perGroup, kernel])
  const span = (kernel - 1) * dilation
  const covered = (dy.type.shape[1]! - 1) * stride + 1
  return h.convolution(dy, swapped, {
    input: signalAxes,
    kernel: { batch: 1, feature: 0, spatial: [2] },
    output: signalAxes,
    strides: [1],
    inputDilation: [stride],
    kernelDilation: [dilation],
    padding: [[span - padding[0], inputLength + padding[0] - covered]],
    groups,
  })
}

const weightGradientByProducts = (h: Hlo, x: Node, dy: Node, attrs: Conv1dAttributes, kernel: number): Node => {
  const { stride, padding } = attrs
  const [batch, count, outChannels] = dy.type.shape as [number, number, number]
  const [, time, channels] = x.type.shape as [number, number, number]
  const runs = tapRuns(kernel, stride)
  const rowCount = count - 1 + runs.length
  // Every `stride` time steps as one row: a run of taps is then a slice of rows, and overlapping windows are not copied.
  const padded = padTime(h, x, padding[0], rowCount * stride - padding[0] - time)
  const rows = h.reshape(padded, [batch, rowCount, stride * channels])
  const parts = runs.map(([, length], run) => {
    const window = h.slice(rows, [0, run, 0], [batch, run + count, length * channels])
    return h.dot(dy, window, {
      contract: [
        [0, 1],
        [0, 1],
      ],
    })
  })
  return h.transpose(h.reshape(h.concat(parts, 1), [outChannels, kernel, channels]), [0, 2, 1])
}

/**
 * The kernel's gradient as a convolution over time: an input channel's place in its group becomes the batch, batch items become
 * the features of a group, and `dy` is the kernel. (XLA's own form, grouped over the batch, runs 20 times slower on CPU.)
 */
const weightGradient = (h: Hlo, x: Node, dy: Node, attrs: Conv1dAttributes, kernel: number): Node => {
  const { stride, padding, groups, dilation } = attrs
  const [batch, time, channels] = x.type.shape as [number, number, number]
  const perGroup = channels / groups
  const signal = h.reshape(h.transpose(h.reshape(x, [batch, time, groups, perGroup]), [3, 1, 2, 0]), [
    perGroup,
    time,
    groups * batch,
  ])
  const covered = (kernel - 1) * dilation + (dy.type.shape[1]! - 1) * stride + 1
  const gradient = h.convolution(signal, h.transpose(dy, [1, 0, 2]), {
    input: signalAxes,
    kernel: { batch: 1, feature: 2, spatial: [0] },
    output: signalAxes,
    strides: [dilation],
    kernelDilation: [stride],
    padding: [[padding[0], covered - time - padding[0]]],
    groups,
  })
  return h.transpose(gradient, [2, 0, 1])
}

/** Registers the `xla` lowerings of core's one-dimensional convolution and its gradients. */
export const registerConv1dForXla = (): void => {
  defineXlaKernel<Conv1dAttributes>('Conv1d', ({ h, inputs, attrs }) => forward(h, inputs.x!, inputs.weight!, attrs))
  defineXlaKernel<Conv1dAttributes & { inputLength: number }>('Conv1dInputGradient', ({ h, inputs, attrs, device }) => {
    const gradient = byProducts(device, attrs, inputs.weight!.type.shape[2]!) ? inputGradientByProducts : inputGradient
    return gradient(h, inputs.dy!, inputs.weight!, attrs, attrs.inputLength)
  })
  defineXlaKernel<Conv1dAttributes & { kernelSize: number }>('Conv1dWeightGradient', ({ h, inputs, attrs, device }) => {
    const { stride, padding, groups, dilation, kernelSize } = attrs
    if (inputs.x!.type.shape[2] === 1 && groups === 1 && dilation === 1) {
      const windows = frames(h, padTime(h, inputs.x!, ...padding), kernelSize, stride, inputs.dy!.type.shape[1]!)
      // With the few windows on the left the product runs at four times the rate.
      const gradient = h.dot(windows, inputs.dy!, {
        contract: [
          [0, 1],
          [0, 1],
        ],
      })
      return h.reshape(h.transpose(gradient, [1, 0]), [gradient.type.shape[1]!, 1, kernelSize])
    }
    const gradient = byProducts(device, attrs, kernelSize) ? weightGradientByProducts : weightGradient
    return gradient(h, inputs.x!, inputs.dy!, attrs, kernelSize)
  })
}
