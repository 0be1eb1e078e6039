import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import process from 'node:process'
import * as xla from '@babble/tfjs-backend-xla'
import { adviseEngines } from './advice'
import { type EngineDiagnosis, type EngineFinding, PROBED_ENGINES, type ProbedEngine } from './report'

export interface DiagnoseEnginesOptions {
  /** Which engines. Default: all. */
  readonly engines?: readonly ProbedEngine[]
  /** How long an engine's speed is measured; 0 leaves it out. Default 10. */
  readonly seconds?: number
  /** The program that, started as `program probe <engine> <seconds>`, sends an `EngineFinding` to its parent. */
  readonly program: string
  readonly onProgress?: (message: string) => void
  /** How long an engine may take to start, beside the measurement. Default a minute. */
  readonly patienceMs?: number
}

/** Tries the engines one after the other, each in a process of its own: one that crashes is a finding. */
export const diagnoseEngines = async (options: DiagnoseEnginesOptions): Promise<EngineDiagnosis> => {
  const { engines = PROBED_ENGINES, seconds = 10, onProgress = () => {} } = options
  const findings: EngineFinding[] = []
  for (const engine of engines) {
    onProgress(`Trying ${engine} ...`)
    findings.push(await probeInChild(engine, options))
  }
  const taken = PROBED_ENGINES.find((name) =>
    findings.some(({ engine, status }) => engine === name && status === 'works'),
  )
  const nvidia = xla.hasNvidiaGpu()
  const detail = engines.includes('xla') ? await xlaInDetail(onProgress) : undefined
  return {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    processors: availableParallelism(),
    nvidia,
    engines: findings,
    taken,
    ...(detail !== undefined && { xla: detail }),
    advice: adviseEngines({ findings, taken, nvidia, measured: seconds > 0 }, detail?.advice ?? []),
  }
}

const probeInChild = (engine: ProbedEngine, options: DiagnoseEnginesOptions): Promise<EngineFinding> => {
  const { seconds = 10, program, patienceMs = 60_000 } = options
  return new Promise((resolve) => {
    const child = fork(program, ['probe', engine, String(seconds)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      timeout: patienceMs + seconds * 3000,
      killSignal: 'SIGKILL',
    })
    let finding: EngineFinding | undefined
    let words = ''
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        words += chunk
      })
    }
    child.on('message', (message) => {
      finding = message as EngineFinding
    })
    child.once('error', (error) => {
      words += error.message
    })
    child.once('close', (code, signal) => {
      // What it has sent holds, however it ends.
      if (finding) return resolve(finding)
      const last = words.trim().split('\n').slice(-4).join('\n')
      if (child.killed)
        return resolve({ engine, status: 'timeout', error: `it did not answer in time.\n${last}`.trim() })
      const how = signal ? `ended by ${signal}` : `exit code ${code}`
      resolve({ engine, status: 'crashed', error: `its process died (${how}).\n${last}`.trim() })
    })
  })
}

const xlaInDetail = async (onProgress: (message: string) => void) => {
  onProgress('Looking into the PJRT plugins ...')
  return await xla.diagnose({ speed: false })
}
