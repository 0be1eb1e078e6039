import { fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { PluginInfo } from '../install/index'
import { sourceLoader } from '../install/source-loader'
import { explain } from '../pjrt/explanations'
import type { ProbeMessage, ProbeRequest } from './probe-message'
import type { PluginReport } from './report'

/** A GPU plugin's libraries may come from a slow disk; the speed check of a loaded machine takes its time, too. */
const OPEN_TIMEOUT_MS = 90_000
const SPEED_TIMEOUT_MS = 90_000
/** The end of what a plugin logs is where a reason may be found. */
const LOG_KEPT = 20_000

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** The probe's program: beside this file in the built package and in its sources. */
function probeProgram(): { readonly path: string; readonly options: readonly string[] } {
  const built = fileURLToPath(new URL('./probe.js', import.meta.url))
  if (existsSync(built)) return { path: built, options: [] }
  return { path: fileURLToPath(new URL('./probe.ts', import.meta.url)), options: sourceLoader }
}

/**
 * Opens a plugin in another process and reports what became of it. Never throws.
 * @param program what to run instead of the probe, in tests.
 */
export function probePlugin(
  plugin: PluginInfo,
  options: { readonly speed: boolean; readonly timeoutMs?: number },
  program = probeProgram(),
): Promise<PluginReport> {
  const report = emptyReport(plugin)
  const timeoutMs = options.timeoutMs ?? OPEN_TIMEOUT_MS + (options.speed ? SPEED_TIMEOUT_MS : 0)
  return new Promise((resolve) => {
    let log = ''
    let done = false
    let timedOut = false
    const request: ProbeRequest = { plugin, speed: options.speed }
    const child = fork(program.path, [JSON.stringify(request)], {
      execArgv: [...program.options],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    const finish = (status: PluginReport['status'], error?: string) => {
      if (done) return
      done = true
      clearTimeout(timer)
      process.removeListener('exit', kill)
      resolve({ ...report, status, error })
    }
    const kill = () => child.kill('SIGKILL')
    process.once('exit', kill)
    const timer = setTimeout(() => {
      timedOut = true
      kill()
    }, timeoutMs)
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      log = (log + chunk).slice(-LOG_KEPT)
    })
    let last: ProbeMessage | undefined
    let computed = false
    child.on('message', (message: ProbeMessage) => {
      last = message
      computed ||= message.step === 'computed'
      note(report, message)
    })
    child.once('error', (error) => finish('unusable', `The process that opens it did not start: ${error.message}`))
    child.once('close', (code, signal) => {
      const failed = last?.step === 'failed' ? last.error : undefined
      if (timedOut) finish('timeout', `It did not answer within ${timeoutMs / 1000} s.`)
      else if (failed !== undefined) finish('unusable', withLog(failed, log))
      else if (computed && code === 0) finish('works')
      else finish('crashed', crashReason(last, code, signal, log))
    })
  })
}

function emptyReport({ path, kind, version, source }: PluginInfo): Mutable<PluginReport> {
  return {
    path,
    kind,
    version,
    source,
    status: 'unusable',
    error: undefined,
    apiVersion: undefined,
    platform: undefined,
    platformVersion: undefined,
    xlaVersion: undefined,
    stablehloVersion: undefined,
    oldestStablehloVersion: undefined,
    devices: [],
    speed: undefined,
  }
}

function note(report: Mutable<PluginReport>, message: ProbeMessage): void {
  if (message.step === 'loaded') Object.assign(report, { apiVersion: message.apiVersion, ...message.attributes })
  else if (message.step === 'opened') {
    report.platform = message.platform
    report.platformVersion = message.platformVersion
    report.devices = message.devices
  } else if (message.step === 'measured') report.speed = message.speed
}

/** A refusal often has its reason only in the log: a driver that does not start is reported as no GPU. */
function withLog(error: string, log: string): string {
  const reason = explain(log)
  return reason === undefined || error.includes(reason) ? error : `${error}\n${reason}`
}

const STEPS: Readonly<Record<ProbeMessage['step'], string>> = {
  loaded: 'when its devices were opened',
  opened: 'when it computed a first sum',
  computed: 'in the speed check',
  measured: 'when it was closed',
  failed: 'after it had failed',
}

function crashReason(
  last: ProbeMessage | undefined,
  code: number | null,
  signal: NodeJS.Signals | null,
  log: string,
): string {
  const when = last ? STEPS[last.step] : 'when it was loaded'
  const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`
  const reason = explain(log)
  const lastWords = log.trim().split('\n').slice(-3).join('\n')
  return `The process that opened it ${how} ${when}.${reason ? ` ${reason}` : lastWords ? ` Its last words:\n${lastWords}` : ''}`
}
