import type { DataType, TensorInfo } from '@tensorflow/tfjs-core'
import type { Node } from './graph/graph'
import type { TensorType } from './graph/types'
import type { Storage } from './storage'
import type { Trace } from './trace'

interface Common {
  readonly dtype: DataType
  refCount: number
  /** The trace that was being recorded when the entry was made. */
  readonly trace?: Trace | undefined
}

/** A tensor of numbers: its memory, or the recorded op that will compute it. */
export interface DenseEntry extends Common {
  readonly kind: 'dense'
  readonly type: TensorType
  storage?: Storage | undefined
  node?: Node | undefined
}

/** A tensor of strings (UTF-8), which lives on the host only. */
export interface StringEntry extends Common {
  readonly kind: 'strings'
  readonly values: Uint8Array[]
}

/** A tensor of complex numbers: two of real ones, which belong to it. */
export interface ComplexEntry extends Common {
  readonly kind: 'complex'
  readonly real: TensorInfo
  readonly imag: TensorInfo
}

/** What the backend knows about one TensorFlow.js data id. */
export type Entry = DenseEntry | StringEntry | ComplexEntry
