/** Why a kernel runs on the host: what a compiled program cannot hold. */
export type HostReason = 'shapes' | 'strings' | 'complex'

interface ReasonText {
  /** Ends "…, because". */
  readonly because: string
  /** What to do instead inside of a compiled function. */
  readonly instead: string
}

export const HOST_REASONS: Record<HostReason, ReasonText> = {
  shapes: {
    because: 'the shape of its result depends on the values of its inputs',
    instead:
      'Call it outside and pass its result in as an argument, or use ops whose shapes are fixed (tf.where, masks, tf.topk).',
  },
  strings: {
    because: 'strings are kept on the host',
    instead: 'Turn the strings into numbers outside and pass those in as an argument.',
  },
  complex: {
    because: 'complex64 tensors are worked on by the host',
    instead: 'Work on the parts (tf.real, tf.imag), which are ordinary float32 tensors, or call it outside.',
  },
}

/** Kernels that run on the host, whatever they are given. A kernel that has a lowering is not affected. */
export const HOST_KERNELS: Readonly<Record<string, HostReason>> = {
  FFT: 'complex',
  IFFT: 'complex',
  ComplexAbs: 'complex',
  NonMaxSuppressionV3: 'shapes',
  NonMaxSuppressionV4: 'shapes',
  NonMaxSuppressionV5: 'shapes',
  RaggedGather: 'shapes',
  RaggedRange: 'shapes',
  RaggedTensorToTensor: 'shapes',
  SparseFillEmptyRows: 'shapes',
  SparseReshape: 'shapes',
  SparseSegmentMean: 'shapes',
  SparseSegmentSum: 'shapes',
  StaticRegexReplace: 'strings',
  StringNGrams: 'strings',
  StringSplit: 'strings',
  StringToHashBucketFast: 'strings',
  Unique: 'shapes',
}
