import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import type { NvidiaGpu, NvidiaProcess } from './report'

const GPU_FIELDS = 'index,uuid,name,compute_cap,memory.total,memory.used'
const PROCESS_FIELDS = 'gpu_uuid,pid,process_name,used_memory'
const MIB = 1024 * 1024

/** WSL keeps it where no PATH leads. */
const PROGRAMS = ['nvidia-smi', '/usr/lib/wsl/lib/nvidia-smi']

/** What `nvidia-smi` says about the GPUs and who holds their memory; empty where it is not there or does not answer. */
export function readGpus(): NvidiaGpu[] {
  const gpus = runNvidiaSmi([`--query-gpu=${GPU_FIELDS}`, '--format=csv,noheader,nounits'])
  if (!gpus) return []
  const processes = runNvidiaSmi([`--query-compute-apps=${PROCESS_FIELDS}`, '--format=csv,noheader,nounits']) ?? ''
  return parseGpus(gpus, processes)
}

/** Versions of the driver and of the newest CUDA that it runs. */
export function readDriver(): { readonly driver: string | undefined; readonly cuda: string | undefined } {
  const banner = runNvidiaSmi([]) ?? ''
  return {
    driver: /Driver Version:\s*([\d.]+)/.exec(banner)?.[1] ?? kernelModuleVersion(),
    cuda: /CUDA (?:UMD )?Version:\s*([\d.]+)/.exec(banner)?.[1],
  }
}

/** @internal Reads the two tables of `nvidia-smi`. */
export function parseGpus(gpus: string, processes: string): NvidiaGpu[] {
  const holders = rows(processes).map(([uuid, pid, name, used]) => ({
    uuid,
    process: { pid: Number(pid), name: name ?? '', usedMemoryBytes: mebibytes(used) } satisfies NvidiaProcess,
  }))
  return rows(gpus).map(([index, uuid, name, capability, total, used]) => ({
    index: Number(index),
    name: name ?? '',
    computeCapability: /^\d+\.\d+$/.test(capability ?? '') ? capability : undefined,
    memoryBytes: mebibytes(total) ?? 0,
    usedMemoryBytes: mebibytes(used) ?? 0,
    processes: holders.filter((holder) => holder.uuid === uuid).map((holder) => holder.process),
  }))
}

function rows(table: string): string[][] {
  return table
    .split(/\r?\n/)
    .map((line) => line.split(',').map((cell) => cell.trim()))
    .filter((cells) => cells.length > 3)
}

function mebibytes(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) * MIB : undefined
}

/** Version of NVIDIA's kernel module, which is that of the driver; undefined where there is none (WSL has none of its own). */
export function kernelModuleVersion(): string | undefined {
  try {
    return /Kernel Module(?: for \S+)?\s+([\d.]+)/.exec(readFileSync('/proc/driver/nvidia/version', 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

function runNvidiaSmi(args: readonly string[]): string | undefined {
  // Without a driver there is nothing to ask, and starting a program that is not there costs time on every failure.
  if (process.platform !== 'linux' && process.platform !== 'win32') return undefined
  for (const program of PROGRAMS) {
    const { status, stdout } = spawnSync(program, args, {
      encoding: 'utf8',
      timeout: 5000,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    if (status === 0) return stdout
  }
  return undefined
}
