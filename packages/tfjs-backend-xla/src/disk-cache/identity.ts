import { createHash } from 'node:crypto'
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { availableParallelism, cpus, release } from 'node:os'
import process from 'node:process'
import type { PjrtClient } from '../pjrt/index'

/** Raised whenever what is stored, or how it is found, changes its meaning. */
const FORMAT = 1

/** Lines of `/proc/cpuinfo` that decide which machine code XLA emits, on x86 and on ARM. */
const CPU_LINES = /^(vendor_id|cpu family|model|model name|stepping|flags|Features|CPU implementer|CPU part)\s*:.*$/gm

/** Environment variables that XLA's compiler reads. */
const COMPILER_VARIABLES = ['XLA_FLAGS', 'NPROC', 'PJRT_NPROC', 'TF_XLA_FLAGS', 'NVIDIA_TF32_OVERRIDE'] as const

const describeCpu = (): string => {
  try {
    const [first = ''] = readFileSync('/proc/cpuinfo', 'utf8').split('\n\n')
    const lines = first.match(CPU_LINES)
    if (lines) return lines.join('\n')
  } catch {
    // Not Linux.
  }
  return `${cpus()[0]?.model ?? ''} ${release()}`
}

let cpu: string | undefined

/** All that decides, beside program and options, what XLA compiles a program to, and where the result can run. */
export const machineIdentity = (client: PjrtClient): string => {
  cpu ??= describeCpu()
  const { size, mtimeMs } = statSync(client.pluginPath)
  const { major, minor } = client.apiVersion
  return JSON.stringify([
    FORMAT,
    [realpathSync(client.pluginPath), size, mtimeMs, major, minor, client.platformName, client.platformVersion],
    [client.devices.kind, client.devices.allIds, client.devices.localIds, client.devices.processIndex],
    [process.platform, process.arch, availableParallelism(), cpu],
    COMPILER_VARIABLES.map((name) => process.env[name] ?? null),
  ])
}

/** Name of a compiled program: what it was compiled from, how, by what and for what. */
export const programKey = (identity: string, text: string, compileOptions: Uint8Array): string => {
  const hash = createHash('sha256')
  // Lengths first, so that no part can be taken for the end of another.
  for (const part of [identity, compileOptions, text]) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex')
}
