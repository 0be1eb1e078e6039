import { type NamedAttrMap, type NamedTensorInfoMap, registerKernel, type TensorInfo } from '@tensorflow/tfjs-core'
import type { DeviceKind, XlaBackend } from '../backend'
import { type Node, withOrigin } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { type HostValues, Storage } from '../storage'
import { intercept } from './host/intercept'

/** What a lowering gets: the builder, the recorded inputs by name (and in order), and the kernel's attributes. */
export interface LoweringContext<Attributes> {
  readonly h: Hlo
  readonly inputs: Record<string, Node>
  readonly list: readonly Node[]
  readonly attrs: Attributes
  /** What the program will run on, for lowerings that differ. */
  readonly device: DeviceKind
  /** Whether a function is being recorded, and not a call that is run once as it stands. */
  readonly isTracing: boolean
  /** An input's values where the host has them at hand, for checks that TensorFlow.js makes on values. Never inside `jit`. */
  readonly hostValues: (input: Node) => HostValues | undefined
  /** Whole numbers that differ from call to call, as an input of the program, which then is compiled once for all of them. */
  readonly argument: (values: Int32Array) => Node
}

/** Turns a kernel call into recorded operations. One node an output. */
export type Lowering<Attributes> = (context: LoweringContext<Attributes>) => Node | readonly Node[]

const valuesAtHand = (input: Node): HostValues | undefined => {
  const { source } = input.op === 'stablehlo.reshape' ? input.inputs[0]! : input
  return source instanceof Storage ? source.host : undefined
}

const argument = (xla: XlaBackend, values: Int32Array): Node => {
  const shape = [values.length]
  const dataId = xla.write(values, shape, 'int32')
  const node = xla.value({ dataId, shape, dtype: 'int32' })
  // The recorded program keeps the memory for as long as it needs it.
  xla.disposeData(dataId)
  return node
}

/**
 * Registers the `xla` implementation of a TensorFlow.js kernel. Core's own kernels (grouped convolutions, CTC) and a
 * user's are defined with it too.
 */
export const defineXlaKernel = <Attributes = NamedAttrMap>(kernelName: string, lower: Lowering<Attributes>): void => {
  registerKernel({
    kernelName,
    backendName: 'xla',
    kernelFunc: intercept(kernelName, ({ inputs, attrs, backend }) => {
      const xla = backend as XlaBackend
      const nodes: Record<string, Node> = {}
      for (const [name, info] of Object.entries(inputs as NamedTensorInfoMap)) {
        if (info !== undefined && info !== null) nodes[name] = xla.value(info)
      }
      const h = xla.hlo
      const result = withOrigin(h.graph, kernelName, () =>
        lower({
          h,
          inputs: nodes,
          list: Object.values(nodes),
          attrs: (attrs ?? {}) as Attributes,
          device: xla.device,
          isTracing: xla.trace !== undefined,
          hostValues: (input) => (xla.trace ? undefined : valuesAtHand(input)),
          argument: (values) => argument(xla, values),
        }),
      )
      return Array.isArray(result)
        ? (result as readonly Node[]).map((node): TensorInfo => xla.makeOutput(node))
        : xla.makeOutput(result as Node)
    }),
  })
}
