import { specToString, type TensorSpec } from './element-type'
import { XlaError } from './errors'

/** How a tensor lies on the devices of a partitioned program: whole on each, or cut into equal parts along axis 0. */
export type Placement = 'replicated' | 'sharded'

/**
 * A program that XLA's SPMD partitioner splits over several devices. Its text is that of the whole computation, with
 * an `sdy.sharding` on each argument and result; what one device takes and gives is a part of it.
 */
export interface Partitioning {
  /** Devices in all, those of other processes included. */
  readonly devices: number
  /** One an argument. */
  readonly inputs: readonly Placement[]
  /** One a result. */
  readonly outputs: readonly Placement[]
}

/** What one of `devices` holds of a tensor. */
export function localSpec(spec: TensorSpec, placement: Placement, devices: number): TensorSpec {
  if (placement === 'replicated' || devices === 1) return spec
  const [rows, ...rest] = spec.dims
  if (rows === undefined || rows % devices !== 0) {
    throw new XlaError(
      `${specToString(spec)} cannot be cut into ${devices} equal parts along axis 0: its length there must be a multiple of ${devices}`,
    )
  }
  return { type: spec.type, dims: [rows / devices, ...rest] }
}
