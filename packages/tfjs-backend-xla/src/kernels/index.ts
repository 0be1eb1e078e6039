import { registerBincount } from './bincount'
import { registerConv } from './conv'
import { registerCreate } from './create'
import { registerDepthwise } from './depthwise'
import { registerDilation } from './dilation'
import { registerEinsum } from './einsum'
import { registerElementwise } from './elementwise'
import { registerGather } from './gather'
import { registerHostKernels } from './host/register'
import { registerMatMul } from './matmul'
import { registerMultinomial } from './multinomial'
import { registerNormalize } from './normalize'
import { registerPool } from './pool'
import { registerRandom } from './random'
import { registerReductions } from './reductions'
import { registerResize } from './resize'
import { registerScatter } from './scatter'
import { registerShape } from './shape'
import { registerSort } from './sort'
import { registerSpace } from './space'
import { registerWarp } from './warp'

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
  registerScatter()
  registerBincount()
  registerSort()
  registerSpace()
  registerMatMul()
  registerEinsum()
  registerConv()
  registerDepthwise()
  registerPool()
  registerDilation()
  registerNormalize()
  registerResize()
  registerWarp()
  registerRandom()
  registerMultinomial()
  registerHostKernels()
}

export { defineXlaKernel, type Lowering, type LoweringContext } from './define'
