import { createRequire } from 'node:module'
import type { SpecResult } from './verdict.ts'

/** The part of a spec's full name that names the test environment. */
const ENVIRONMENT = / (xla|cpu) \{\}/

const require = createRequire(import.meta.url)

/** For how long a spec may run. */
const TIMEOUT_MS = 600_000

interface Suite {
  readonly id: string
}

interface Outcome {
  readonly fullName: string
  readonly status: SpecResult['status'] | 'excluded'
  readonly failedExpectations: readonly { readonly message?: string }[]
}

/** The file that is declaring specs; set by the bundle before each file of the suite. */
type Globals = { specFile?: string; describe: (...args: unknown[]) => Suite }

export interface JasmineRun<T> {
  /** Declares the specs, with jasmine's globals. */
  readonly declare: () => Promise<T>
  /** Only specs whose full name contains this. */
  readonly filter: string | undefined
  /** Swallow what the specs print. */
  readonly quiet: boolean
}

/** Declares specs, runs them in the order of declaration, and tells what became of each. */
export const runJasmine = async <T>({ declare, filter, quiet }: JasmineRun<T>) => {
  const jasmineRequire = require('jasmine-core')
  const jasmine = jasmineRequire.boot(jasmineRequire)
  const env = jasmine.getEnv()
  const globals = globalThis as unknown as Globals
  jasmine.DEFAULT_TIMEOUT_INTERVAL = TIMEOUT_MS
  // Some files of the suite set a shorter one. How fast the backend is on a busy machine is not the question here.
  const withFixedTimeout = Object.create(jasmine, {
    DEFAULT_TIMEOUT_INTERVAL: { get: () => TIMEOUT_MS, set: () => {} },
  })
  Object.assign(globals, jasmineRequire.interface(jasmine, env), { jasmine: withFixedTimeout })

  // Jasmine does not know which file declares a suite.
  const fileOfSuite = new Map<string, string | undefined>()
  const { describe } = globals
  globals.describe = (...args) => {
    const suite = describe(...args)
    fileOfSuite.set(suite.id, globals.specFile)
    return suite
  }
  const declared = await declare()

  const specs: SpecResult[] = []
  const open: string[] = []
  const fileNow = () => open.map((id) => fileOfSuite.get(id)).find((file) => file !== undefined) ?? 'unknown'
  env.configure({
    random: false,
    specFilter: (spec: { getFullName: () => string }) =>
      filter === undefined || spec.getFullName().replace(ENVIRONMENT, '').includes(filter),
  })
  const { log, warn, info, error } = console
  const silent = () => {}
  if (quiet) Object.assign(console, { log: silent, warn: silent, info: silent, error: silent })
  await new Promise<void>((resolve) => {
    env.addReporter({
      suiteStarted: ({ id }: Suite) => open.push(id),
      suiteDone: () => open.pop(),
      specDone: ({ fullName, status, failedExpectations }: Outcome) => {
        if (status === 'excluded') return
        const message = failedExpectations[0]?.message?.replace(/\s+/g, ' ').slice(0, 300) ?? 'no expectation failed'
        const name = fullName.replace(ENVIRONMENT, '')
        specs.push({ name, file: fileNow(), status, ...(status === 'failed' && { message }) })
      },
      jasmineDone: () => resolve(),
    })
    env.execute()
  })
  Object.assign(console, { log, warn, info, error })
  return { specs, declared }
}
