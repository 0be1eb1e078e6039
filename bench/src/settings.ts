/** Who takes part. `ours` is Babble on its own engine; `wasm` and `tfjs-node` are Babble on other TensorFlow.js engines. */
export const contestantKeys = ['ours', 'pytorch', 'pytorch-compile', 'wasm', 'tfjs-node'] as const
export type ContestantKey = (typeof contestantKeys)[number]

export const devices = ['cpu', 'cuda'] as const
export type Device = (typeof devices)[number]

/** `bf16`: matrix products and convolutions in bfloat16, parameters and optimiser state in float32. */
export const precisions = ['float32', 'bf16'] as const
export type Precision = (typeof precisions)[number]

/** What every contestant of a run is told. */
export interface Settings {
  readonly device: Device
  readonly precision: Precision
  /** Threads that each computes with. */
  readonly threads: number
}

/** How a contestant is called in tables. */
export const titles: Readonly<Record<ContestantKey, string>> = {
  ours: 'Babble',
  pytorch: 'PyTorch',
  'pytorch-compile': 'PyTorch compiled',
  wasm: 'TF.js wasm',
  'tfjs-node': 'tfjs-node',
}
