import type { Tensor } from '@tensorflow/tfjs-core'
import { type Partitioning, type PjrtBuffer, type PjrtClient, XlaError } from '../pjrt/index'
import { Storage } from '../storage'
import type { Compiled, Recording } from './program'

/** How a jitted function is spread over devices. */
export interface DeviceOptions {
  /**
   * Devices that each call runs on, the first ones of the client (see `registerXla({ deviceCount })`). XLA splits the program
   * over them; the results are those of one device, up to the order of summation. Default 1. In a run of several processes
   * it is the number of all devices of each.
   */
  readonly devices?: number
  /**
   * Indices of the arguments that are cut into `devices` equal parts along axis 0: the batch. Scalars in them, all other
   * arguments, captured tensors and variables are whole on each device, and so are results and assigned variables. In a run of
   * several processes each gives its own rows, and the function is traced with the rows of all.
   */
  readonly sharded?: readonly number[]
}

/** Whether a tensor, by its path in the arguments (`[1].inputValues`), is cut along axis 0. */
const isSharded = (tensor: Tensor, path: string, sharded: readonly number[]): boolean =>
  tensor.rank > 0 && sharded.includes(Number(/^\[(\d+)\]/.exec(path)?.[1]))

/** The devices of a call, and which of its tensors are cut. */
export interface Split {
  /** Those of all processes. */
  readonly devices: number
  readonly cut: readonly boolean[]
  /** The shapes that the function sees: of a tensor that is cut, with the rows of all processes. */
  readonly shapes: readonly (readonly number[])[]
}

/**
 * How a call's tensors are spread over the devices; undefined for one device.
 *
 * @param paths Where each tensor is in the arguments.
 * @throws XlaError when a batch does not divide, or there are fewer devices.
 */
export const split = (
  name: string,
  tensors: readonly Tensor[],
  paths: readonly string[],
  { devices = 1, sharded = [] }: DeviceOptions,
  client: Pick<PjrtClient, 'deviceCount' | 'devices'>,
): Split | undefined => {
  if (!Number.isInteger(devices) || devices < 1)
    throw new XlaError(`devices must be a whole number of at least 1, not ${devices}`)
  const processes = client.devices.allIds.length / client.deviceCount
  if (processes > 1 && devices !== client.deviceCount && (devices > 1 || sharded.length > 0)) {
    throw new XlaError(
      `jit(${name}) is to run on ${devices} devices of each process, and there are ${client.deviceCount}: a run of several ` +
        'processes uses all of them.',
    )
  }
  if (devices === 1 && (processes === 1 || sharded.length === 0)) return undefined
  if (devices > client.deviceCount) {
    throw new XlaError(
      `jit(${name}) is to run on ${devices} devices, and there are ${client.deviceCount}. On the CPU, ask for them first: ` +
        `registerXla({ deviceCount: ${devices} }).`,
    )
  }
  const cut = tensors.map((tensor, i) => isSharded(tensor, paths[i]!, sharded))
  tensors.forEach(({ shape, dtype }, i) => {
    if (!cut[i] || shape[0]! % devices === 0) return
    throw new XlaError(
      `argument ${paths[i]} of jit(${name}) is ${dtype} [${shape.join(', ')}]: its ${shape[0]} rows cannot be shared equally by ` +
        `${devices} devices. Make the batch a multiple of ${devices}, or pad it.`,
    )
  })
  const shapes = tensors.map(({ shape }, i) => (cut[i] ? [shape[0]! * processes, ...shape.slice(1)] : shape))
  return { devices: devices * processes, cut, shapes }
}

/** How a recording's inputs and outputs lie on the devices of a split. */
export const partition = ({ inputs, outputs }: Recording, { devices, cut }: Split): Partitioning => ({
  devices,
  inputs: inputs.map((source) => ('argument' in source && cut[source.argument] ? 'sharded' : 'replicated')),
  outputs: outputs.map(() => 'replicated'),
})

/** Starts a program on the memory of its inputs, which it may take over except where `nonDonatable` says otherwise. */
export const execute = (
  { executable, outputs, partitioning, continues }: Compiled,
  inputs: readonly Storage[],
  client: PjrtClient,
  nonDonatable: readonly number[],
): Storage[] => {
  if (!partitioning) {
    const buffers: PjrtBuffer[] = new Array(inputs.length)
    for (let i = 0; i < buffers.length; i++) buffers[i] = inputs[i]!.buffer(client)
    const results = executable.execute(buffers, { nonDonatable, continues })
    const storages: Storage[] = new Array(results.length)
    for (let i = 0; i < storages.length; i++) {
      const input = continues[i]!
      const isContinued = input >= 0 && results[i] === buffers[input]
      storages[i] = isContinued ? inputs[input]!.renewed() : Storage.onDevice(outputs[i]!.type, results[i]!)
    }
    return storages
  }
  const { deviceCount } = executable
  const placed = inputs.map((storage, i) =>
    partitioning.inputs[i] === 'sharded' ? storage.parts(client, deviceCount) : storage.copies(client, deviceCount),
  )
  const results = executable.executeOnEach(
    Array.from({ length: deviceCount }, (_, device) => placed.map((buffers) => buffers[device]!)),
    { nonDonatable },
  )
  return outputs.map(({ type }, i) =>
    Storage.onDevices(
      type,
      results.map((buffers) => buffers[i]!),
    ),
  )
}
