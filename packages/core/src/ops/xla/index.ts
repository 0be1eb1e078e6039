import { registerConv1dForXla } from './conv1d'
import { registerCtcLossForXla } from './ctc-loss'

let registered = false

/** Registers the `xla` lowerings of core's own kernels, once; `loadEngine` calls it. */
export const registerCoreKernelsForXla = (): void => {
  if (registered) return
  registered = true
  registerConv1dForXla()
  registerCtcLossForXla()
}
