import { NVIDIA_PLUGINS } from '../install/catalogue'
import { isPresent } from '../install/hardware'
import { type DeviceKind, installHint } from '../install/index'
import type { Diagnosis, NvidiaReport, PluginReport } from './report'

type Findings = Pick<Diagnosis, 'plugins' | 'used' | 'system' | 'nvidia' | 'cache'>

/** Below this much free memory a training step is likely to end in a swap. */
const LITTLE_MEMORY = 2e9
/** Load per processor above which a speed check says little. */
const BUSY = 0.7
/** Share of a GPU's memory in use by others above which XLA's share does not fit. */
const CROWDED = 0.15

/** What to do next, most useful first. */
export function advise(findings: Findings, present: (kind: DeviceKind) => boolean = isPresent): string[] {
  const { plugins, used, system, nvidia } = findings
  const inUse = used === undefined ? undefined : plugins[used]
  const advice: string[] = []
  if (plugins.length === 0) {
    advice.push(gpuAdvice(findings, present) ?? installHint())
  } else if (!inUse || inUse.kind === 'cpu') {
    const gpu = gpuAdvice(findings, present)
    if (gpu) advice.push(gpu)
    if (!inUse && !plugins.some(({ kind }) => kind === 'cpu')) {
      advice.push('For the CPU: npx tfjs-xla install cpu')
    }
  }
  advice.push(...plugins.flatMap((plugin) => brokenAdvice(plugin, present)))
  if (nvidia) advice.push(...crowdedAdvice(nvidia))
  if (system.environment.LD_LIBRARY_PATH && plugins.some(({ kind, status }) => kind === 'cuda' && status !== 'works')) {
    advice.push('LD_LIBRARY_PATH is set, and can put other CUDA libraries before those of the plugin: try without it.')
  }
  if (inUse?.speed && system.load !== undefined && system.load > BUSY * system.availableProcessors) {
    advice.push(
      `The machine is busy (load ${system.load.toFixed(1)} on ${system.availableProcessors} processors): the speeds measured are too low.`,
    )
  }
  if (inUse?.kind === 'cpu' && system.freeMemoryBytes < LITTLE_MEMORY) {
    advice.push('Little memory is free: close other programs before training.')
  }
  return [...new Set(advice)]
}

/** Which GPU plugin to install, where there is a GPU and none for it. */
function gpuAdvice({ plugins, nvidia }: Findings, present: (kind: DeviceKind) => boolean): string | undefined {
  const has = (kind: DeviceKind) => plugins.some((plugin) => plugin.kind === kind)
  if (present('cuda') && !has('cuda')) return nvidiaAdvice(nvidia)
  if (present('rocm') && !has('rocm')) return 'There is an AMD GPU: npx tfjs-xla install rocm7'
  if (present('oneapi') && !has('oneapi')) return 'There is an Intel GPU: npx tfjs-xla install oneapi (not tried by us)'
  if (present('metal') && !has('metal')) return 'There is an Apple GPU: npx tfjs-xla install metal (not tried by us)'
  return undefined
}

function nvidiaAdvice(nvidia: NvidiaReport | undefined): string {
  const driver = Number.parseInt(nvidia?.driver ?? '', 10)
  const capabilities = nvidia?.gpus.flatMap(({ computeCapability }) => computeCapability ?? []).map(Number) ?? []
  const capability = capabilities.length > 0 ? Math.max(...capabilities) : Number.POSITIVE_INFINITY
  const fitting = NVIDIA_PLUGINS.find((cuda) => !(driver < cuda.driver) && capability >= cuda.capability)
  return fitting
    ? `There is an NVIDIA GPU, and no plugin for it: npx tfjs-xla install ${fitting.name}`
    : `There is an NVIDIA GPU, but its driver (${nvidia?.driver}) or the GPU is too old for CUDA 12: update the driver to 525 or newer.`
}

/** A plugin that does not work matters where its device is. */
function brokenAdvice({ path, kind, status, error }: PluginReport, present: (kind: DeviceKind) => boolean): string[] {
  if (status === 'works' || (kind !== undefined && !present(kind))) return []
  return [`${path} does not work. ${error?.split('\n')[0] ?? ''}`.trim()]
}

function crowdedAdvice({ gpus }: NvidiaReport): string[] {
  return gpus.flatMap((gpu) => {
    if (gpu.usedMemoryBytes <= CROWDED * gpu.memoryBytes) return []
    const holders = gpu.processes.map(({ pid, name }) => `pid ${pid} ${name}`)
    const who = holders.length > 0 ? ` (${holders.join(', ')})` : ''
    return [
      `GPU ${gpu.index} is in use by others${who}: end them, choose another with CUDA_VISIBLE_DEVICES, or lower BABBLE_MEMORY_FRACTION.`,
    ]
  })
}
