import type { OpCase, OpWork, Pass } from './case'

/** Batch and lengths of the training steps in `configs/`: two utterances of five seconds at 16 kHz. */
const batch = 2
const samples = 80_000
const width = 768
const inner = 3072
const float = 4

const exact = 1e-3
/** For results that hang on random draws, which the sides do not share. */
const random = 0.1

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1)

const matmul = (m: number, k: number, n: number, stored: 'x W' | 'x Wᵀ' | 'xᵀ W' = 'x W'): OpCase => ({
  id: `matmul ${stored} ${m}x${k}x${n}`,
  work: { kind: 'matmul', m, k, n, transposeA: stored === 'xᵀ W', transposeB: stored === 'x Wᵀ' },
  flops: 2 * m * k * n,
  bytes: float * (m * k + k * n + m * n),
  tolerance: exact,
})

type ConvWork = Extract<OpWork, { kind: 'conv1d' }>

const conv = (name: string, work: Omit<ConvWork, 'kind' | 'pass' | 'batch'>): OpCase[] => {
  const { time, inChannels, outChannels, kernel, stride, groups, padding } = work
  const frames = Math.floor((time + padding[0] + padding[1] - kernel) / stride) + 1
  const [input, output, weight] = [
    batch * time * inChannels,
    batch * frames * outChannels,
    (outChannels * inChannels * kernel) / groups,
  ]
  const passes: [ConvWork['pass'], string][] = [
    ['forward', 'forward'],
    ['inputGradient', 'input gradient'],
    ['weightGradient', 'weight gradient'],
  ]
  return passes.map(([pass, title]) => ({
    id: `conv1d ${name} ${title}`,
    work: { kind: 'conv1d', pass, batch, ...work },
    flops: (2 * output * inChannels * kernel) / groups,
    bytes: float * (input + output + weight),
    tolerance: exact,
  }))
}

/** The waveform encoder's layers, each on what the one before leaves. */
const encoder = (): OpCase[] => {
  const kernels = [10, 3, 3, 3, 3, 2, 2]
  const strides = [5, 2, 2, 2, 2, 2, 2]
  let time = samples
  return kernels.flatMap((kernel, layer) => {
    const stride = strides[layer]!
    const inChannels = layer === 0 ? 1 : 512
    const cases = conv(`layer ${layer}`, {
      time,
      inChannels,
      outChannels: 512,
      kernel,
      stride,
      groups: 1,
      padding: [0, 0],
    })
    time = Math.floor((time - kernel) / stride) + 1
    return cases
  })
}

const attention = (batchSize: number, time: number, pass: 'forward' | 'both', dropout: number): OpCase => {
  const [heads, headWidth] = [12, 64]
  const products = 2 * 2 * batchSize * heads * time * time * headWidth
  const tensor = float * batchSize * heads * time * headWidth
  return {
    id: `attention ${batchSize}x${heads}x${time}x${headWidth}${dropout ? ` dropout ${dropout}` : ''} ${title(pass)}`,
    work: { kind: 'attention', pass, batch: batchSize, heads, time, width: headWidth, dropout },
    // The backward pass has four products where the forward pass has two.
    flops: pass === 'both' ? 3 * products : products,
    bytes: tensor * (pass === 'both' ? 8 : 4),
    tolerance: dropout ? random : exact,
  }
}

const title = (pass: Pass): string => (pass === 'both' ? 'forward+backward' : pass)

/** x and dy are read, y and dx written. */
const elementwise = (name: string, work: OpWork, shape: readonly number[], tolerance = exact): OpCase => ({
  id: `${name} ${shape.join('x')} forward+backward`,
  work,
  bytes: 4 * float * size(shape),
  tolerance,
})

/** Shapes of wav2vec 2.0 base with its pre-training head and how often each occurs: 95 M parameters. */
export const baseParameterShapes: readonly (readonly [readonly number[], number])[] = [
  [[512, 1, 10], 1],
  [[512, 512, 3], 4],
  [[512, 512, 2], 2],
  [[512], 4],
  [[768, 512], 1],
  [[768, 48, 128], 1],
  [[1, 1, 128], 1],
  [[768, 768], 4 * 12],
  [[768], 5 + 9 * 12],
  [[3072, 768], 12],
  [[3072], 12],
  [[768, 3072], 12],
  [[1, 640, 128], 1],
  [[640, 512], 1],
  [[640], 1],
  [[256, 256], 1],
  [[256, 768], 1],
  [[256], 2],
]

const adamw = (fused: boolean): OpCase => {
  const parameters = baseParameterShapes.reduce((sum, [shape, count]) => sum + count * size(shape), 0)
  return {
    id: `adamw ${(parameters / 1e6).toFixed(0)} M parameters${fused ? ', PyTorch fused' : ''}`,
    work: { kind: 'adamw', shapes: baseParameterShapes, fused },
    // Parameter, gradient and two moments are read, all but the gradient written.
    bytes: 7 * float * parameters,
    tolerance: exact,
  }
}

const quantizer = (): OpCase => {
  const time = 249
  const work = { batch, time, inputSize: 512, groups: 2, entries: 320, codevectorDim: 256 }
  const frames = batch * time
  const projection = 2 * frames * work.inputSize * work.groups * work.entries
  const lookup = 2 * frames * work.entries * work.codevectorDim
  return {
    id: `gumbel quantizer ${batch}x${time} forward+backward`,
    work: { kind: 'gumbelQuantizer', ...work },
    flops: 3 * (projection + lookup),
    bytes: 2 * float * (2 * frames * work.inputSize + work.inputSize * work.groups * work.entries),
    tolerance: random,
  }
}

const ctc = (): OpCase => {
  const work = { batch: 16, time: 500, vocabulary: 32, labels: 60 }
  return {
    id: `ctc ${work.batch}x${work.time}x${work.vocabulary}, ${work.labels} labels, loss+gradient`,
    work: { kind: 'ctc', ...work },
    bytes: 2 * float * work.batch * work.time * work.vocabulary,
    tolerance: exact,
  }
}

/** All lines of the op benchmark: what a wav2vec 2.0 base step is made of, and two yardsticks. */
export const catalogue = (): readonly OpCase[] => {
  const frames = 249
  const rows = batch * frames
  return [
    { id: 'scale 24 MB', work: { kind: 'scale', elements: 6_000_000 }, bytes: 2 * float * 6_000_000, tolerance: exact },
    matmul(1024, 1024, 1024),
    matmul(2048, 2048, 2048),
    matmul(rows, width, inner),
    matmul(rows, width, inner, 'x Wᵀ'),
    matmul(rows, inner, width, 'x Wᵀ'),
    matmul(rows, width, width, 'x Wᵀ'),
    matmul(width, rows, inner, 'xᵀ W'),
    matmul(8 * 499, width, inner, 'x Wᵀ'),
    ...encoder(),
    ...conv('positional', {
      time: frames,
      inChannels: width,
      outChannels: width,
      kernel: 128,
      stride: 1,
      groups: 16,
      padding: [64, 63],
    }),
    attention(batch, frames, 'forward', 0),
    attention(batch, frames, 'both', 0),
    attention(batch, frames, 'both', 0.1),
    attention(8, 499, 'forward', 0),
    attention(8, 499, 'both', 0),
    elementwise('softmax', { kind: 'softmax', shape: [batch, 12, frames, frames] }, [batch, 12, frames, frames]),
    elementwise('layer norm', { kind: 'layerNorm', shape: [batch, frames, width] }, [batch, frames, width]),
    elementwise('layer norm', { kind: 'layerNorm', shape: [8, 499, width] }, [8, 499, width]),
    elementwise('gelu', { kind: 'gelu', shape: [batch, frames, inner] }, [batch, frames, inner]),
    elementwise('gelu', { kind: 'gelu', shape: [batch, 15_999, 512] }, [batch, 15_999, 512]),
    elementwise('group norm', { kind: 'groupNorm', shape: [batch, 15_999, 512], groups: 512 }, [batch, 15_999, 512]),
    elementwise('dropout', { kind: 'dropout', shape: [batch, frames, width], p: 0.1 }, [batch, frames, width], random),
    elementwise(
      'dropout',
      { kind: 'dropout', shape: [batch, 12, frames, frames], p: 0.1 },
      [batch, 12, frames, frames],
      random,
    ),
    quantizer(),
    ctc(),
    adamw(false),
    adamw(true),
  ]
}
