import type { Node } from '../graph/graph'

/** What computes at a run: everything in float32, or products and the elementwise work between them in bfloat16. */
export type Precision = 'float32' | 'bf16'

/** Matrix products and convolutions: operands in bfloat16, sums in float32. */
export const products: ReadonlySet<string> = new Set(['stablehlo.dot_general', 'stablehlo.convolution'])

/** Operations that follow their operands: they run in bfloat16 between products, in float32 elsewhere. */
export const followers: ReadonlySet<string> = new Set([
  'stablehlo.add',
  'stablehlo.subtract',
  'stablehlo.multiply',
  'stablehlo.divide',
  'stablehlo.maximum',
  'stablehlo.minimum',
  'stablehlo.negate',
  'stablehlo.abs',
  'stablehlo.select',
  'stablehlo.tanh',
  'stablehlo.logistic',
  'chlo.erf',
  'stablehlo.reshape',
  'stablehlo.transpose',
  'stablehlo.broadcast_in_dim',
  'stablehlo.slice',
  'stablehlo.dynamic_slice',
  'stablehlo.concatenate',
  'stablehlo.pad',
  'stablehlo.reverse',
  'stablehlo.gather',
])

/** TensorFlow.js kernels that stay in float32 as a whole, whatever operations they are made of. */
export const wideKernels: ReadonlySet<string> = new Set(['Softmax', 'LogSoftmax', 'CtcLoss', 'FusedBatchNorm'])

/** Whether a node is one that follows its operands. */
export const follows = (node: Node): boolean => {
  if (!followers.has(node.op)) return false
  const kernel = node.origin?.slice(node.origin.lastIndexOf('/') + 1)
  return kernel === undefined || !wideKernels.has(kernel)
}
