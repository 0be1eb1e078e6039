import { describe, expect, it } from 'vitest'
import type { DeviceKind } from '../install/index'
import { advise } from './advice'
import type { Diagnosis, NvidiaGpu, NvidiaReport, PluginReport } from './report'

const GB = 1e9
const gpu = (changes: Partial<NvidiaGpu> = {}): NvidiaGpu => ({
  index: 0,
  name: 'NVIDIA H100',
  computeCapability: '9.0',
  memoryBytes: 80 * GB,
  usedMemoryBytes: 0,
  processes: [],
  ...changes,
})
const nvidia = (driver: string, changes: Partial<NvidiaGpu> = {}): NvidiaReport => ({
  driver,
  driverCuda: undefined,
  gpus: [gpu(changes)],
  libraries: {},
})
const plugin = (kind: DeviceKind, changes: Partial<PluginReport> = {}): PluginReport => ({
  path: `/x/${kind}.so`,
  kind,
  version: '1.0',
  source: 'cache',
  status: 'works',
  error: undefined,
  apiVersion: undefined,
  platform: undefined,
  platformVersion: undefined,
  xlaVersion: undefined,
  stablehloVersion: undefined,
  oldestStablehloVersion: undefined,
  devices: [],
  speed: undefined,
  ...changes,
})

function adviceFor(plugins: PluginReport[], report?: NvidiaReport, present: DeviceKind[] = [], load = 0): string {
  const used = plugins.findIndex(({ status }) => status === 'works')
  const system = { freeMemoryBytes: 20 * GB, environment: {}, load, availableProcessors: 2 } as Diagnosis['system']
  const cache = { folder: '/c', bytes: 0, freeBytes: 0 }
  return advise({ plugins, used: used < 0 ? undefined : used, system, nvidia: report, cache }, (kind) =>
    present.includes(kind),
  ).join('\n')
}

describe('advise', () => {
  it('has nothing to say about a machine that uses what it has', () => {
    expect(adviceFor([plugin('cpu')])).toBe('')
    expect(adviceFor([plugin('cuda'), plugin('cpu')], nvidia('580.65'), ['cuda'])).toBe('')
  })

  it('names the plugin that fits the GPU and its driver', () => {
    expect(adviceFor([plugin('cpu')], nvidia('580.65'), ['cuda'])).toMatch(/install cuda13$/)
    expect(adviceFor([], nvidia('535.129.03'), ['cuda'])).toMatch(/install cuda12$/)
    expect(adviceFor([], nvidia('580.65', { computeCapability: '7.0' }), ['cuda'])).toMatch(/install cuda12$/)
    expect(adviceFor([], nvidia('470.182.3'), ['cuda'])).toMatch(/driver \(470\.182\.3\) .* too old/)
    expect(adviceFor([plugin('cpu')], undefined, ['rocm'])).toMatch(/install rocm7$/)
  })

  it('repeats why a plugin does not work only where there is its device', () => {
    const broken = plugin('cuda', { status: 'unusable', error: 'The driver is too old.\n(XLA: more)' })
    expect(adviceFor([broken, plugin('cpu')], nvidia('525.1'), ['cuda'])).toBe(
      '/x/cuda.so does not work. The driver is too old.',
    )
    expect(adviceFor([broken, plugin('cpu')])).toBe('')
  })

  it('tells of a GPU whose memory others hold', () => {
    const busy = { usedMemoryBytes: 70 * GB, processes: [{ pid: 4242, name: 'python3', usedMemoryBytes: 69 * GB }] }
    expect(adviceFor([plugin('cuda')], nvidia('580.65', busy), ['cuda'])).toMatch(
      /GPU 0 is in use by others \(pid 4242 python3\)/,
    )
  })

  it('warns that the speeds say little when the machine is busy', () => {
    const speed = { matmulF32: 50 } as PluginReport['speed']
    expect(adviceFor([plugin('cpu', { speed })], undefined, [], 5.5)).toMatch(/busy \(load 5\.5 on 2 processors\)/)
    expect(adviceFor([plugin('cpu', { speed })], undefined, [], 0.2)).toBe('')
    expect(adviceFor([plugin('cpu')], undefined, [], 5.5)).toBe('')
  })

  it('offers the CPU where nothing works', () => {
    const broken = plugin('cuda', { status: 'crashed', error: 'It crashed.' })
    expect(adviceFor([broken], undefined, [])).toBe('For the CPU: npx tfjs-xla install cpu')
  })
})
