import process from 'node:process'
import { XlaError } from '../pjrt/errors'

/** This process's place in a training run of several processes. */
export interface ProcessGroup {
  /** Number of this process, from 0; process 0 keeps the key-value store. */
  readonly rank: number
  readonly worldSize: number
  /** Number among the processes of this machine. */
  readonly localRank: number
  /** Where process 0 is reached. */
  readonly host: string
  readonly port: number
}

type Environment = Readonly<Record<string, string | undefined>>

/** Where each launcher puts rank, world size and local rank. */
const LAUNCHERS = [
  { name: 'torchrun', rank: 'RANK', worldSize: 'WORLD_SIZE', localRank: 'LOCAL_RANK' },
  { name: 'SLURM', rank: 'SLURM_PROCID', worldSize: 'SLURM_NTASKS', localRank: 'SLURM_LOCALID' },
  {
    name: 'Open MPI',
    rank: 'OMPI_COMM_WORLD_RANK',
    worldSize: 'OMPI_COMM_WORLD_SIZE',
    localRank: 'OMPI_COMM_WORLD_LOCAL_RANK',
  },
  // An Indexed Job numbers its pods and tells them no more: the manifest sets WORLD_SIZE and MASTER_ADDR.
  { name: 'Kubernetes', rank: 'JOB_COMPLETION_INDEX', worldSize: 'WORLD_SIZE', localRank: 'LOCAL_RANK' },
] as const

const DEFAULT_PORT = 29400

/**
 * Reads what a launcher has set: torchrun's `RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `MASTER_ADDR` and `MASTER_PORT`, the equivalents of
 * SLURM, Open MPI and Kubernetes' Indexed Jobs. `MASTER_ADDR` and `MASTER_PORT` count with each of them; under SLURM they follow
 * from the job's nodes and number where they are not set.
 *
 * @returns Undefined where no launcher has set a rank, or the run has one process.
 * @throws XlaError when something is missing or makes no sense.
 */
export const processGroupFromEnvironment = (environment: Environment = process.env): ProcessGroup | undefined => {
  // SLURM sets its variables in a batch script too, which is no process of the run: without a rank there is none.
  const launcher = LAUNCHERS.find(({ rank }) => environment[rank])
  if (!launcher) return undefined
  const whole = (variable: string, fallback?: number): number => {
    const text = environment[variable]
    if (!text && fallback !== undefined) return fallback
    if (!text) {
      throw new XlaError(
        `${launcher.rank} is set as ${launcher.name} does, but ${variable} is not: set it, or unset ${launcher.rank} to run alone.`,
      )
    }
    if (!/^\d+$/.test(text)) throw new XlaError(`${variable} must be a whole number, not '${text}'`)
    return Number(text)
  }
  const rank = whole(launcher.rank)
  const worldSize = whole(launcher.worldSize)
  if (rank >= worldSize) {
    throw new XlaError(`${launcher.rank} is ${rank}; it must be below ${launcher.worldSize}, which is ${worldSize}`)
  }
  if (worldSize === 1) return undefined
  const nodes = environment.SLURM_STEP_NODELIST || environment.SLURM_JOB_NODELIST
  const host = environment.MASTER_ADDR || (launcher.name === 'SLURM' && nodes ? firstNode(nodes) : undefined)
  if (!host) throw new XlaError('MASTER_ADDR is not set: it names the machine of process 0, where the others report.')
  const jobPort = launcher.name === 'SLURM' ? 20_000 + (whole('SLURM_JOB_ID', 0) % 10_000) : DEFAULT_PORT
  const port = whole('MASTER_PORT', jobPort)
  if (port < 1 || port > 65_535) throw new XlaError(`MASTER_PORT must be from 1 to 65535, not ${port}`)
  return { rank, worldSize, localRank: whole(launcher.localRank, 0), host, port }
}

/** The first machine of a SLURM node list: `gpu[007-012,20],login1` begins with `gpu007`. */
const firstNode = (list: string): string => {
  const parsed = /^([^,[]+)(?:\[(\d+)[^\]]*\]([^,]*))?/.exec(list)
  if (!parsed)
    throw new XlaError(`Cannot read the SLURM node list '${list}': set MASTER_ADDR to the machine of process 0.`)
  return `${parsed[1]}${parsed[2] ?? ''}${parsed[3] ?? ''}`
}
