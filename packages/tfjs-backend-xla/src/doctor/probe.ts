/** The program that opens one plugin for `diagnose`, in a process of its own: whatever the plugin does, it does it here. */
import process from 'node:process'
import type { DeviceKind } from '../install/index'
import { openNvidiaLibraries } from '../nvidia-libraries'
import { openPlugin } from '../open-plugin'
import { PjrtApi } from '../pjrt/api'
import type { PjrtClient } from '../pjrt/index'
import { deviceKind, deviceMemory, type PluginAttributes, pluginAttributes } from '../pjrt/inspect'
import type { ProbeAttributes, ProbeMessage, ProbeRequest } from './probe-message'
import type { DeviceReport } from './report'
import { measureSpeed } from './speed'

const send = (message: ProbeMessage): void => {
  process.send?.(message)
}

try {
  probe(JSON.parse(process.argv[2] ?? '') as ProbeRequest)
} catch (error) {
  send({ step: 'failed', error: error instanceof Error ? error.message : String(error) })
}
process.disconnect?.()

function probe({ plugin, speed }: ProbeRequest): void {
  if (plugin.kind === 'cuda') openNvidiaLibraries(plugin.path)
  const { version } = PjrtApi.load(plugin.path)
  send({
    step: 'loaded',
    apiVersion: `${version.major}.${version.minor}`,
    attributes: describe(attributesOf(plugin.path)),
  })
  // A diagnosis must not take a GPU's memory away from the programs that work on it.
  const client = openPlugin(plugin, isGpu(plugin.kind) ? { preallocate: false } : {})
  const { platformName: platform, platformVersion } = client
  send({ step: 'opened', platform, platformVersion, devices: describeDevices(client) })
  computes(client)
  send({ step: 'computed' })
  if (speed) send({ step: 'measured', speed: measureSpeed(client) })
  client.dispose()
}

function isGpu(kind: DeviceKind | undefined): boolean {
  return kind !== undefined && kind !== 'cpu'
}

function attributesOf(path: string): PluginAttributes {
  try {
    return pluginAttributes(path)
  } catch {
    // Not every plugin has them.
    return {}
  }
}

function describe(attributes: PluginAttributes): ProbeAttributes {
  const text = (name: string): string | undefined => {
    const value = attributes[name]
    return typeof value === 'object' ? value.join('.') : value?.toString()
  }
  return {
    xlaVersion: text('xla_version'),
    stablehloVersion: text('stablehlo_current_version'),
    oldestStablehloVersion: text('stablehlo_minimum_version'),
  }
}

function describeDevices(client: PjrtClient): DeviceReport[] {
  return Array.from({ length: client.deviceCount }, (_, index) => {
    const device = client.devices.pointer(index)
    const { pluginPath } = client
    return { index, kind: deviceKind(pluginPath, device), memoryBytes: deviceMemory(pluginPath, device) }
  })
}

/** A small sum: compiler, launch and both copies work, and give what they should. */
function computes(client: PjrtClient): void {
  const spec = { type: 'f32', dims: [4] } as const
  const executable = client.compile(
    `module @check {
      func.func public @main(%a: tensor<4xf32>) -> tensor<4xf32> {
        %b = stablehlo.add %a, %a : tensor<4xf32>
        return %b : tensor<4xf32>
      }
    }`,
    [spec],
  )
  const [result] = executable.execute([client.bufferFromHost(Float32Array.of(1, -2, 0.5, 0), spec)])
  const numbers = [...new Float32Array(result!.read())]
  if (numbers.join() !== '2,-4,1,0')
    throw new Error(`The plugin computes wrong results: 2 · (1, -2, 0.5, 0) = (${numbers})`)
}
