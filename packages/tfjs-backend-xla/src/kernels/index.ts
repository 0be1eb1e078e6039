import { registerConv } from './conv'
import { registerCreate } from './create'
import { registerElementwise } from './elementwise'
import { registerGather } from './gather'
import { registerMatMul } from './matmul'
import { registerRandom } from './random'
import { registerReductions } from './reductions'
import { registerShape } from './shape'

let registered = false

/** Registers the kernels of the `xla` backend with TensorFlow.js, once. */
export const registerKernels = (): void => {
  if (registered) return
  registered = true
  registerElementwise()
  registerReductions()
  registerShape()
  registerCreate()
  registerGather()
  registerMatMul()
  registerConv()
  registerRandom()
}

export { defineXlaKernel, type Lowering, type LoweringContext } from './define'
