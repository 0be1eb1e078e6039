import type { Checksum, OpWork } from './case'

/** Requests of the op benchmark. */
export type OpRequest =
  /** Make the inputs, compile, and run twice. */
  | { readonly do: 'prepare'; readonly work: OpWork }
  /** One call that is not counted, then `calls` that are. */
  | { readonly do: 'time'; readonly calls: number }
  /** Give back the memory. */
  | { readonly do: 'release' }

export interface OpAnswer {
  readonly prepare: {
    /** The first call: trace, compile, run. */
    readonly prepareSeconds: number
    /** The second. */
    readonly callSeconds: number
    /** One for each output. */
    readonly checksums: readonly Checksum[]
  }
  readonly time: { readonly seconds: readonly number[] }
  readonly release: object
}
