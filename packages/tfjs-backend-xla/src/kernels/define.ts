import { type NamedAttrMap, type NamedTensorInfoMap, registerKernel, type TensorInfo } from '@tensorflow/tfjs-core'
import type { DeviceKind, XlaBackend } from '../backend'
import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'

/** What a lowering gets: the builder, the recorded inputs by name (and in order), and the kernel's attributes. */
export interface LoweringContext<Attributes> {
  readonly h: Hlo
  readonly inputs: Record<string, Node>
  readonly list: readonly Node[]
  readonly attrs: Attributes
  /** What the program will run on, for lowerings that differ. */
  readonly device: DeviceKind
}

/** Turns a kernel call into recorded operations. One node an output. */
export type Lowering<Attributes> = (context: LoweringContext<Attributes>) => Node | readonly Node[]

/**
 * Registers the `xla` implementation of a TensorFlow.js kernel. Core's own kernels (grouped convolutions, CTC) and a
 * user's are defined with it too.
 */
export const defineXlaKernel = <Attributes = NamedAttrMap>(kernelName: string, lower: Lowering<Attributes>): void => {
  registerKernel({
    kernelName,
    backendName: 'xla',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const xla = backend as XlaBackend
      const nodes: Record<string, Node> = {}
      for (const [name, info] of Object.entries(inputs as NamedTensorInfoMap)) {
        if (info !== undefined && info !== null) nodes[name] = xla.value(info)
      }
      const h = xla.hlo
      const result = lower({
        h,
        inputs: nodes,
        list: Object.values(nodes),
        attrs: (attrs ?? {}) as Attributes,
        device: xla.device,
      })
      return Array.isArray(result)
        ? (result as readonly Node[]).map((node): TensorInfo => xla.makeOutput(node))
        : xla.makeOutput(result as Node)
    },
  })
}
