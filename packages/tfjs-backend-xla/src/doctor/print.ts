import { formatBytes } from '../install/format'
import type { Diagnosis, NvidiaReport, PluginReport, SpeedReport, SystemReport } from './report'

const SOURCES: Readonly<Record<PluginReport['source'], string>> = {
  environment: 'named by BABBLE_PJRT_PLUGIN',
  cache: 'installed by tfjs-xla',
  python: 'from Python',
}
const LABEL_WIDTH = 14

/** A diagnosis for people. */
export function printDiagnosis(diagnosis: Diagnosis): string {
  const { plugins, used, system, nvidia, cache, advice } = diagnosis
  const sections = [
    [diagnosis.summary],
    ...(plugins.length === 0 ? [['Plugins', row('', 'none found')]] : []),
    ...plugins.map((plugin, i) => pluginLines(plugin, i === used)),
    ...(nvidia ? [nvidiaLines(nvidia)] : []),
    systemLines(system),
    [
      'Cache',
      row('folder', cache.folder),
      row('size', cache.bytes === undefined ? 'nothing there yet' : formatBytes(cache.bytes)),
      ...(cache.freeBytes === undefined ? [] : [row('free', formatBytes(cache.freeBytes))]),
    ],
    advice.length > 0 ? ['Next', ...advice.map((text) => `  - ${indent(text)}`)] : ['Next', '  Nothing to be done.'],
  ]
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function row(label: string, value: string): string {
  return `  ${label.padEnd(LABEL_WIDTH)}${indent(value, LABEL_WIDTH + 2)}`
}

function indent(text: string, columns = 4): string {
  return text.replaceAll('\n', `\n${' '.repeat(columns)}`)
}

function pluginLines(plugin: PluginReport, isUsed: boolean): string[] {
  const works = plugin.status === 'works' ? `works${isUsed ? ', used' : ''}` : 'does not work'
  const title = `Plugin for ${plugin.kind ?? 'an unknown device'}: ${works}`
  const xla = plugin.xlaVersion === undefined ? '' : `, XLA interface ${plugin.xlaVersion}`
  const oldest =
    plugin.oldestStablehloVersion === undefined ? '' : ` (reads ${plugin.oldestStablehloVersion} and newer)`
  return [
    title,
    row('library', plugin.path),
    row('package', `${plugin.version ?? 'version unknown'}, ${SOURCES[plugin.source]}`),
    ...(plugin.apiVersion === undefined ? [] : [row('PJRT', `API ${plugin.apiVersion}${xla}`)]),
    ...(plugin.stablehloVersion === undefined ? [] : [row('StableHLO', `${plugin.stablehloVersion}${oldest}`)]),
    ...(plugin.platform === undefined
      ? []
      : [row('platform', `${plugin.platform} ${plugin.platformVersion ?? ''}`.trim())]),
    ...plugin.devices.map(({ index, kind, memoryBytes }) =>
      row(`device ${index}`, `${kind}${memoryBytes === undefined ? '' : `, ${formatBytes(memoryBytes)} for XLA`}`),
    ),
    ...(plugin.error === undefined ? [] : [row(plugin.status, plugin.error)]),
    ...(plugin.speed ? speedLines(plugin.speed) : []),
  ]
}

function speedLines(speed: SpeedReport): string[] {
  const rate = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)}`
  const size = `${speed.matmulSize} x ${speed.matmulSize}`
  return [
    row('matmul f32', `${rate(speed.matmulF32)} GFLOP/s (${size})`),
    row(
      'matmul bf16',
      speed.matmulBf16 === undefined ? 'not supported' : `${rate(speed.matmulBf16)} GFLOP/s (${size})`,
    ),
    row('memory', `${rate(speed.memoryBandwidth)} GB/s read and written`),
    row('host copies', `${rate(speed.hostToDevice)} GB/s to the device, ${rate(speed.deviceToHost)} GB/s back`),
    row('dispatch', `${Math.round(speed.dispatchMicroseconds)} µs for one small program and its result`),
  ]
}

function nvidiaLines(nvidia: NvidiaReport): string[] {
  const libraries = Object.entries(nvidia.libraries).map(([name, version]) => `${name} ${version}`)
  return [
    'NVIDIA',
    row(
      'driver',
      nvidia.driver ? `${nvidia.driver}${nvidia.driverCuda ? `, runs CUDA ${nvidia.driverCuda}` : ''}` : 'not found',
    ),
    ...nvidia.gpus.flatMap((gpu) => [
      row(
        `GPU ${gpu.index}`,
        `${gpu.name}, compute capability ${gpu.computeCapability ?? 'unknown'}, ` +
          `${formatBytes(gpu.usedMemoryBytes)} of ${formatBytes(gpu.memoryBytes)} in use`,
      ),
      ...gpu.processes.map(({ pid, name, usedMemoryBytes }) =>
        row('', `pid ${pid} ${name}${usedMemoryBytes === undefined ? '' : `, ${formatBytes(usedMemoryBytes)}`}`),
      ),
    ]),
    ...(libraries.length > 0 ? [row('libraries', libraries.join('\n'))] : []),
  ]
}

function systemLines(system: SystemReport): string[] {
  const { processors, availableProcessors } = system
  const usable = availableProcessors === processors ? '' : `, ${availableProcessors} usable here`
  const threads = system.threadsSetting === undefined ? '' : `, XLA's threads set to ${system.threadsSetting}`
  const variables = Object.entries(system.environment).map(([name, value]) => `${name}=${value}`)
  return [
    'System',
    row('Node', `${system.node} on ${system.platform}${system.glibc ? `, glibc ${system.glibc}` : ''}`),
    row('CPU', `${system.cpuModel}, ${processors} processors${usable}${threads}`),
    ...(system.cpuFeatures.length > 0 ? [row('', system.cpuFeatures.join(' '))] : []),
    row('memory', `${formatBytes(system.memoryBytes)}, ${formatBytes(system.freeMemoryBytes)} free`),
    ...(system.load === undefined ? [] : [row('load', system.load.toFixed(1))]),
    ...(variables.length > 0 ? [row('environment', variables.join('\n'))] : []),
  ]
}
