import {
  AdamW,
  conv1d,
  ctc,
  dropout,
  GumbelVectorQuantizer,
  gelu,
  groupNorm,
  Initializer,
  layerNorm,
  Rng,
  rngKey,
} from '@babble/core'
import * as tf from '@tensorflow/tfjs-core'
import type { OpWork } from './case'
import { hashedLabels, hashedTensor } from './inputs'

/** An op ready to be compiled and called: `call` is made of TensorFlow.js ops only. */
export interface OpProgram {
  readonly inputs: readonly tf.Tensor[]
  /** Everything that the op must compute; nothing of it may be left out by a compiler. */
  readonly call: (...inputs: tf.Tensor[]) => tf.Tensor[]
  /** What is compared between contestants, where it is not what `call` returns. */
  readonly inspect?: () => tf.Tensor[]
  readonly dispose?: () => void
}

type Work<K extends OpWork['kind']> = Extract<OpWork, { kind: K }>

/** The value of `fn` and its gradients for the given gradient of the value, in that order. */
const valueAndGradients =
  (fn: (...inputs: tf.Tensor[]) => tf.Tensor) =>
  (...inputs: tf.Tensor[]): tf.Tensor[] => {
    const { value, grads } = tf.valueAndGrads(fn)(inputs.slice(0, -1), inputs.at(-1)!)
    return [value, ...grads]
  }

const matmul = ({ m, k, n, transposeA, transposeB }: Work<'matmul'>): OpProgram => ({
  inputs: [hashedTensor(transposeA ? [k, m] : [m, k], 1), hashedTensor(transposeB ? [n, k] : [k, n], 2)],
  call: (a, b) => [tf.matMul(a!, b!, transposeA, transposeB)],
})

const convolution = (work: Work<'conv1d'>): OpProgram => {
  const { pass, batch, time, inChannels, outChannels, kernel, stride, groups, padding } = work
  const run = (x: tf.Tensor, w: tf.Tensor) =>
    conv1d(x as tf.Tensor3D, w as tf.Tensor3D, { stride, groups, padding: [padding[0], padding[1]] })
  const frames = Math.floor((time + padding[0] + padding[1] - kernel) / stride) + 1
  const inputs = [
    hashedTensor([batch, time, inChannels], 1),
    hashedTensor([outChannels, inChannels / groups, kernel], 2),
    hashedTensor([batch, frames, outChannels], 3),
  ]
  // Under a compiler only the gradient asked for is computed; engines that run op by op do the forward pass too.
  if (pass === 'forward') return { inputs: inputs.slice(0, 2), call: (x, w) => [run(x!, w!)] }
  if (pass === 'inputGradient') return { inputs, call: (x, w, dy) => [tf.grad((at) => run(at, w!))(x!, dy!)] }
  return { inputs, call: (x, w, dy) => [tf.grad((at) => run(x!, at))(w!, dy!)] }
}

/** The products between projections, as `MultiHeadAttention` has them. */
const attention = ({ pass, batch, heads, time, width, dropout: p }: Work<'attention'>): OpProgram => {
  const shape = [batch, heads, time, width]
  const inputs = [1, 2, 3, 4].map((seed) => hashedTensor(shape, seed))
  const mix = (query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, rng?: Rng) => {
    const scores = tf.matMul(tf.mul(query, width ** -0.5), key, false, true)
    return tf.matMul(dropout(tf.softmax(scores), p, { training: p > 0, ...(rng && { rng }) }), value)
  }
  if (p > 0) {
    const differentiate = (key: tf.Tensor) =>
      valueAndGradients((q, k, v) => mix(q!, k!, v!, new Rng(key as tf.Tensor1D)))
    return {
      inputs: [rngKey(0), ...inputs],
      call: (key, ...rest) => differentiate(key!)(...rest),
    }
  }
  if (pass === 'forward') return { inputs: inputs.slice(0, 3), call: (q, k, v) => [mix(q!, k!, v!)] }
  return { inputs, call: valueAndGradients((q, k, v) => mix(q!, k!, v!)) }
}

const elementwise = (shape: readonly number[], fn: (x: tf.Tensor) => tf.Tensor): OpProgram => ({
  inputs: [hashedTensor(shape, 1), hashedTensor(shape, 2)],
  call: valueAndGradients((x) => fn(x!)),
})

const normalisation = (
  shape: readonly number[],
  fn: (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) => tf.Tensor,
): OpProgram => {
  const channels = [shape.at(-1)!]
  return {
    inputs: [hashedTensor(shape, 1), hashedTensor(channels, 2), hashedTensor(channels, 3), hashedTensor(shape, 4)],
    call: valueAndGradients((x, weight, bias) => fn(x!, weight!, bias!)),
  }
}

const droppingOut = ({ shape, p }: Work<'dropout'>): OpProgram => ({
  inputs: [rngKey(0), hashedTensor(shape, 1), hashedTensor(shape, 2)],
  call: (key, ...rest) =>
    valueAndGradients((x) => dropout(x!, p, { training: true, rng: new Rng(key as tf.Tensor1D) }))(...rest),
})

const quantizer = (work: Work<'gumbelQuantizer'>): OpProgram => {
  const { batch, time, inputSize, codevectorDim } = work
  const module = new GumbelVectorQuantizer(work, new Initializer(0))
  const assign = (variable: tf.Variable, seed: number, scale: number) => {
    const value = hashedTensor(variable.shape, seed, scale)
    variable.assign(value)
    value.dispose()
  }
  assign(module.codevectors, 2, 1)
  assign(module.weightProj.weight, 3, inputSize ** -0.5)
  assign(module.weightProj.bias!, 4, 1)
  const parameters = [module.codevectors, module.weightProj.weight, module.weightProj.bias!]
  return {
    inputs: [
      rngKey(0),
      tf.scalar(2),
      hashedTensor([batch, time, inputSize], 1),
      hashedTensor([batch, time, codevectorDim], 5),
    ],
    call: (key, temperature, x, dy) => {
      let values: tf.Tensor[] = []
      const loss = (at: tf.Tensor) => {
        const { codevectors, codevectorPerplexity } = module.forward(
          at as tf.Tensor3D,
          { training: true, rng: new Rng(key as tf.Tensor1D) },
          { temperature: temperature as tf.Scalar },
        )
        values = [tf.keep(tf.clone(codevectors)), tf.keep(tf.clone(codevectorPerplexity))]
        return tf.add(tf.sum(tf.mul(codevectors, dy!)), codevectorPerplexity)
      }
      // A variable counts as an input of what reads it, so its gradient is asked for by position.
      const gradients = tf.grads(loss)([x!, ...parameters])
      const results = [...values.map((value) => tf.clone(value)), ...gradients]
      tf.dispose(values)
      return results
    },
    dispose: () => {
      for (const parameter of parameters) parameter.dispose()
    },
  }
}

const ctcLossAndGradient = ({ batch, time, vocabulary, labels }: Work<'ctc'>): OpProgram => {
  const targets = tf.tensor2d(hashedLabels(batch, labels, vocabulary, 2), [batch, labels], 'int32')
  const lengths = tf.fill([batch], time, 'int32')
  return {
    inputs: [hashedTensor([batch, time, vocabulary], 1), targets, lengths],
    call: (x, target, inputLengths) => {
      const loss = (logits: tf.Tensor) =>
        ctc({
          logits: logits as tf.Tensor3D,
          labels: target as tf.Tensor2D,
          inputLengths: inputLengths as tf.Tensor1D,
          blankId: 0,
          reduction: 'sum',
          zeroInfinity: false,
        })
      const { value, grad } = tf.valueAndGrad(loss)(x!)
      return [value, grad]
    },
  }
}

const adamw = ({ shapes }: Work<'adamw'>): OpProgram => {
  const all = shapes.flatMap(([shape, count]) => Array.from({ length: count }, () => shape))
  const parameters = all.map((shape, index) => {
    const initial = hashedTensor(shape, index)
    const variable = tf.variable(initial, true)
    initial.dispose()
    return { name: String(index), variable, group: 0 }
  })
  const optimizer = new AdamW(parameters, { learningRate: 1e-3, betas: [0.9, 0.98], eps: 1e-6, weightDecay: 0.01 })
  return {
    inputs: [tf.scalar(1e-3), ...all.map((shape, index) => hashedTensor(shape, index + 1000))],
    call: (learningRate, ...gradients) => {
      optimizer.apply({
        gradients: new Map(parameters.map(({ name }, index) => [name, gradients[index]!])),
        learningRates: [learningRate as tf.Scalar],
        activeGroups: [0],
        gradientFactor: tf.scalar(1),
        accept: tf.scalar(true, 'bool'),
      })
      return []
    },
    inspect: () => [parameters[0]!.variable, parameters.at(-1)!.variable],
    dispose: () => {
      optimizer.dispose()
      for (const { variable } of parameters) variable.dispose()
    },
  }
}

/** The op as the models of this project call it. */
export const opProgram = (work: OpWork): OpProgram => {
  switch (work.kind) {
    case 'scale':
      return { inputs: [hashedTensor([work.elements], 1)], call: (x) => [tf.mul(x!, 2)] }
    case 'matmul':
      return matmul(work)
    case 'conv1d':
      return convolution(work)
    case 'attention':
      return attention(work)
    case 'layerNorm':
      return normalisation(work.shape, (x, weight, bias) => layerNorm(x, weight, bias, 1e-5))
    case 'groupNorm':
      return normalisation(work.shape, (x, weight, bias) =>
        groupNorm(x as tf.Tensor3D, weight, bias, { groups: work.groups, eps: 1e-5 }),
      )
    case 'gelu':
      return elementwise(work.shape, gelu)
    case 'softmax':
      return elementwise(work.shape, (x) => tf.softmax(x))
    case 'dropout':
      return droppingOut(work)
    case 'gumbelQuantizer':
      return quantizer(work)
    case 'ctc':
      return ctcLossAndGradient(work)
    case 'adamw':
      return adamw(work)
  }
}
