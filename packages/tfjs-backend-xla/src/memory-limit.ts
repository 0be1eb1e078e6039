import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import process from 'node:process'
import { formatBytes } from './install/format'
import { type CompiledMemoryStats, XlaError } from './pjrt/index'

type Environment = Readonly<Record<string, string | undefined>>

/** Swap space in bytes, 0 where that is not known. */
const swapBytes = (): number => {
  try {
    return 1024 * Number(/^SwapTotal:\s*(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

/**
 * Bytes that programs on the CPU can hope for: the machine's memory and swap space, or what the process is confined to.
 * `BABBLE_MEMORY_LIMIT` sets another number, or none with `off`.
 */
export const hostMemoryLimit = (environment: Environment = process.env): number => {
  const setting = environment.BABBLE_MEMORY_LIMIT
  if (setting === 'off') return Number.POSITIVE_INFINITY
  if (setting) {
    const bytes = Number(setting)
    if (!(bytes > 0)) throw new XlaError(`BABBLE_MEMORY_LIMIT must be a number of bytes, or off; not '${setting}'`)
    return bytes
  }
  const machine = totalmem() + swapBytes()
  const confined = process.constrainedMemory?.() || machine
  return Math.min(machine, confined)
}

interface MeasuredProgram {
  readonly name: string
  readonly deviceCount: number
  memoryStats(): CompiledMemoryStats
}

/**
 * Refuses a program that cannot run in this machine's memory before it takes the memory of its donated inputs: XLA's CPU runtime
 * would fail half-way, or the system end the process. (On a GPU the allocator itself says no before anything is taken.)
 *
 * @throws XlaError with code RESOURCE_EXHAUSTED: what was asked for, and what to do.
 */
export const assertFitsHost = (program: MeasuredProgram, limit = hostMemoryLimit()): void => {
  let stats: CompiledMemoryStats
  try {
    stats = program.memoryStats()
  } catch {
    // Not every plugin tells.
    return
  }
  const results = stats.outputs - stats.aliased
  const needed = program.deviceCount * (stats.arguments + results + stats.temporaries)
  if (needed <= limit) return
  const parts = [
    `${formatBytes(stats.arguments)} for its inputs`,
    `${formatBytes(results)} for its results`,
    `${formatBytes(stats.temporaries)} in between`,
  ]
  const each = program.deviceCount > 1 ? ` on each of ${program.deviceCount} devices` : ''
  throw new XlaError(
    `'${program.name}' needs ${formatBytes(needed)} of memory (${parts.join(', ')}${each}), and there are ${formatBytes(limit)}. ` +
      'Nothing was run. Use a smaller batch or shorter sequences, accumulate gradients over micro-batches, recompute activations ' +
      "with `checkpoint`, or use precision 'bf16'.",
    'RESOURCE_EXHAUSTED',
  )
}
