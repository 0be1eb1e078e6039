import type { Node } from '../graph/graph'
import type { DeviceKind } from '../install/index'
import { toBfloat16 } from './bfloat16'
import type { Precision } from './rules'

export type { Precision } from './rules'

/** The program that computes `outputs` in a precision, for a kind of device. */
export const inPrecision = (
  outputs: readonly Node[],
  precision: Precision = 'float32',
  device: DeviceKind = 'cpu',
): readonly Node[] => (precision === 'bf16' ? toBfloat16(outputs, device) : outputs)
