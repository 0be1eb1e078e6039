/** Which result of an op is timed: its value, one gradient alone, or value and all gradients together. */
export type Pass = 'forward' | 'inputGradient' | 'weightGradient' | 'both'

/** What an op works on. Both sides read it: the TensorFlow.js engines here, PyTorch in `python/ops.py`. */
export type OpWork =
  /** y = x * 2: what memory allows. */
  | { readonly kind: 'scale'; readonly elements: number }
  /** [m, k] x [k, n]; `transposeA`: the left one is stored as [k, m], `transposeB`: the right one as [n, k]. */
  | {
      readonly kind: 'matmul'
      readonly m: number
      readonly k: number
      readonly n: number
      readonly transposeA: boolean
      readonly transposeB: boolean
    }
  | {
      readonly kind: 'conv1d'
      readonly pass: 'forward' | 'inputGradient' | 'weightGradient'
      readonly batch: number
      /** Input length in samples or frames. */
      readonly time: number
      readonly inChannels: number
      readonly outChannels: number
      readonly kernel: number
      readonly stride: number
      readonly groups: number
      /** Zeros before and after. */
      readonly padding: readonly [number, number]
    }
  /** Softmax(q kᵀ / sqrt(width)) v of [batch, heads, time, width] tensors; `dropout` of the weights. */
  | {
      readonly kind: 'attention'
      readonly pass: 'forward' | 'both'
      readonly batch: number
      readonly heads: number
      readonly time: number
      readonly width: number
      readonly dropout: number
    }
  /** Ops over a tensor of the given shape, value and gradients. */
  | { readonly kind: 'layerNorm' | 'gelu' | 'softmax'; readonly shape: readonly number[] }
  | { readonly kind: 'groupNorm'; readonly shape: readonly [number, number, number]; readonly groups: number }
  | { readonly kind: 'dropout'; readonly shape: readonly number[]; readonly p: number }
  | {
      readonly kind: 'gumbelQuantizer'
      readonly batch: number
      readonly time: number
      readonly inputSize: number
      readonly groups: number
      readonly entries: number
      readonly codevectorDim: number
    }
  | {
      readonly kind: 'ctc'
      readonly batch: number
      readonly time: number
      readonly vocabulary: number
      readonly labels: number
    }
  /** One update of parameters of these shapes, each as often as it says; `fused` picks PyTorch's fused kernel. */
  | {
      readonly kind: 'adamw'
      readonly shapes: readonly (readonly [readonly number[], number])[]
      readonly fused: boolean
    }

/** One line of the op benchmark. */
export interface OpCase {
  /** Unique, and what `--filter` matches: `conv1d layer 1 forward`. */
  readonly id: string
  readonly work: OpWork
  /** Multiplications and additions of the plain algorithm; absent where memory is the limit. */
  readonly flops?: number
  /** Least traffic: each input read and each output written once. */
  readonly bytes: number
  /** How far (relative) two contestants' results may lie apart; above 0.001 where random numbers are drawn. */
  readonly tolerance: number
}

/** One number for an output of any layout: the mean of the absolute values. */
export type Checksum = number
