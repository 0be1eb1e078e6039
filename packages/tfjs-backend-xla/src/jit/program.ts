import type { TensorInfo, Variable } from '@tensorflow/tfjs-core'
import type { Node } from '../graph/graph'
import type { Structure } from '../nest'
import type { Partitioning, PjrtExecutable } from '../pjrt/index'
import type { Precision } from '../precision/index'
import type { Storage } from '../storage'
import type { SteadyState } from './steady'

/** Where an input of a program comes from when it is called. */
export type Source = { readonly argument: number } | { readonly variable: Variable } | { readonly storage: Storage }

/** A variable that a program updates: the input that holds its old value, if it is read, and the output with the new one. */
export interface Assignment {
  readonly variable: Variable
  readonly input: number | undefined
  readonly output: number
}

/** One recorded call of a function: a graph, and how its inputs and outputs are bound. */
export interface Recording {
  readonly name: string
  /** The graph's parameters, one an input. */
  readonly parameters: readonly Node[]
  readonly inputs: readonly Source[]
  /** The function's results, then the assigned variables' values. */
  readonly outputs: readonly Node[]
  readonly assigned: readonly Assignment[]
  /** Input -> output that may take over its memory. */
  readonly donated: ReadonlyMap<number, number>
  readonly results: readonly TensorInfo[]
  readonly structure: Structure
  /** How inputs and outputs lie on several devices. */
  readonly partitioning?: Partitioning | undefined
  /** What products compute in. Default `float32`. */
  readonly precision?: Precision | undefined
}

/** A recording that can be run. */
export interface Compiled extends Recording {
  readonly text: string
  readonly executable: PjrtExecutable
  /** Of each output, the input whose memory it takes over, or -1. */
  readonly continues: Int32Array
  /** What the last call has left, if the next one can start from it unseen. */
  steady?: SteadyState | undefined
}
