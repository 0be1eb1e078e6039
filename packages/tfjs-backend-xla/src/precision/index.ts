import type { Node } from '../graph/graph'
import { toBfloat16 } from './bfloat16'
import type { Precision } from './rules'

export type { Precision } from './rules'

/** The program that computes `outputs` in a precision. */
export const inPrecision = (outputs: readonly Node[], precision: Precision = 'float32'): readonly Node[] =>
  precision === 'bf16' ? toBfloat16(outputs) : outputs
