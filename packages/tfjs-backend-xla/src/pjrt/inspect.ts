import { PjrtApi } from './api'
import { ARGS, STRUCTS } from './layouts'
import { copyBytes, readString, Struct } from './native'

/** What a plugin says about itself, by the names it uses: texts, numbers and lists of numbers. */
export type PluginAttributes = Readonly<Record<string, string | number | readonly number[]>>

/** `PJRT_NamedValue_Type` */
const [STRING, INT64, INT64_LIST] = [0, 1, 2]

/** The attributes of a plugin: `xla_version`, `stablehlo_current_version` and others; empty where it has none. */
export function pluginAttributes(pluginPath: string): PluginAttributes {
  const api = PjrtApi.load(pluginPath)
  const args = new Struct(ARGS.Plugin_Attributes)
  api.call('Plugin_Attributes', args)
  const attributes: Record<string, string | number | readonly number[]> = {}
  const { fields } = STRUCTS.NamedValue
  let at = args.get('attributes')
  for (let i = 0; i < args.getNumber('num_attributes'); i++) {
    // Each carries its own size: a newer plugin's may be longer than ours.
    const size = Number(new DataView(copyBytes(at, 8)).getBigUint64(0, true))
    const view = new DataView(copyBytes(at, size))
    const word = (offset: number) => view.getBigUint64(offset, true)
    const name = readString(word(fields.name), word(fields.name_size))
    const type = view.getInt32(fields.type, true)
    const length = Number(word(fields.value_size))
    if (type === STRING) attributes[name] = readString(word(fields.value), BigInt(length))
    else if (type === INT64) attributes[name] = Number(view.getBigInt64(fields.value, true))
    else if (type === INT64_LIST) {
      attributes[name] = [...new BigInt64Array(copyBytes(word(fields.value), 8 * length))].map(Number)
    }
    at += BigInt(size)
  }
  return attributes
}

/** What a plugin calls a device, e.g. `NVIDIA H100 80GB HBM3`. */
export function deviceKind(pluginPath: string, device: bigint): string {
  const api = PjrtApi.load(pluginPath)
  const description = new Struct(ARGS.Device_GetDescription)
  description.set('device', device)
  api.call('Device_GetDescription', description)
  const kind = new Struct(ARGS.DeviceDescription_Kind)
  kind.set('device_description', description.get('device_description'))
  api.call('DeviceDescription_Kind', kind)
  return readString(kind.get('device_kind'), kind.get('device_kind_size'))
}

/** Bytes that XLA may use on a device; undefined where the plugin does not tell, as on the CPU. */
export function deviceMemory(pluginPath: string, device: bigint): number | undefined {
  const args = new Struct(ARGS.Device_MemoryStats)
  args.set('device', device)
  try {
    PjrtApi.load(pluginPath).call('Device_MemoryStats', args)
  } catch {
    return undefined
  }
  return (args.getInt('bytes_limit_is_set') & 0xff) === 0 ? undefined : args.getNumber('bytes_limit')
}
