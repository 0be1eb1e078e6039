import { XlaError } from './errors'
import { ARGS } from './layouts'
import { copyBytes, readString, Struct } from './native'
import type { Runtime } from './runtime'

/** The devices of a client: this process's own, by index, and the identifiers of all that a program may span. */
export class Devices {
  /** Devices that this process can address. */
  readonly count: number
  /** Identifiers of all devices, of all processes, as device assignments name them. */
  readonly allIds: readonly number[]
  /** Identifiers of this process's devices. */
  readonly localIds: readonly number[]
  /** Number of this process among those of a distributed client. */
  readonly processIndex: number
  /** What the first device is, e.g. `NVIDIA H100 80GB HBM3`. */
  readonly kind: string
  private readonly pointers: BigUint64Array

  constructor({ api, client }: Runtime) {
    const addressable = new Struct(ARGS.Client_AddressableDevices)
    addressable.set('client', client)
    api.call('Client_AddressableDevices', addressable)
    this.count = addressable.getNumber('num_addressable_devices')
    this.pointers = new BigUint64Array(copyBytes(addressable.get('addressable_devices'), 8 * this.count))
    const all = new Struct(ARGS.Client_Devices)
    all.set('client', client)
    api.call('Client_Devices', all)
    const allPointers = new BigUint64Array(copyBytes(all.get('devices'), 8 * all.getNumber('num_devices')))
    const process = new Struct(ARGS.Client_ProcessIndex)
    process.set('client', client)
    api.call('Client_ProcessIndex', process)
    this.processIndex = process.getInt('process_index')

    const describe = (device: bigint): bigint => {
      const args = new Struct(ARGS.Device_GetDescription)
      args.set('device', device)
      api.call('Device_GetDescription', args)
      return args.get('device_description')
    }
    const idOf = (device: bigint): number => {
      const args = new Struct(ARGS.DeviceDescription_Id)
      args.set('device_description', describe(device))
      api.call('DeviceDescription_Id', args)
      return args.getInt('id')
    }
    this.localIds = [...this.pointers].map(idOf)
    this.allIds = [...allPointers].map(idOf)
    this.kind = ''
    if (this.count > 0) {
      const args = new Struct(ARGS.DeviceDescription_Kind)
      args.set('device_description', describe(this.pointers[0]!))
      api.call('DeviceDescription_Kind', args)
      this.kind = readString(args.get('device_kind'), args.get('device_kind_size'))
    }
  }

  /** The `PJRT_Device` of an index. */
  pointer(index: number): bigint {
    const device = this.pointers[index]
    if (device === undefined) throw new XlaError(`There is no device ${index}; this client has ${this.count}`)
    return device
  }

  /** How many of the devices with these identifiers belong to this process. */
  countLocal(ids: readonly number[]): number {
    return ids.filter((id) => this.localIds.includes(id)).length
  }
}
