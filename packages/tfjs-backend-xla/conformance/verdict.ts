/** What became of one spec of the suite. */
export interface SpecResult {
  /** Full name, without the test environment. */
  readonly name: string
  /** File of the suite that declares it, e.g. `ops/conv2d`. */
  readonly file: string
  readonly status: 'passed' | 'failed' | 'pending'
  /** The first failed expectation. */
  readonly message?: string
}

export type Totals = Record<SpecResult['status'], number>

export interface Verdict {
  readonly ok: boolean
  readonly totals: Totals
  /** Specs that failed and are not listed. */
  readonly unexpected: readonly SpecResult[]
  /** Listed specs that did not fail, or do not exist. */
  readonly stale: readonly string[]
  /** What is wrong, one sentence each. */
  readonly complaints: readonly string[]
}

/** Part of the suite that a file belongs to, for the table of totals. */
export const areaOf = (file: string): string => file.split('/').slice(0, -1).join('/') || 'engine'

export const count = (specs: readonly SpecResult[]): Totals => {
  const totals = { passed: 0, failed: 0, pending: 0 }
  for (const { status } of specs) totals[status]++
  return totals
}

export interface Expectation {
  /** Spec name -> why it cannot hold. */
  readonly failures: Readonly<Record<string, string>>
  /** Specs that must pass. */
  readonly atLeast: number
  /** Only some specs ran, so that totals and absent names say nothing. */
  readonly partial: boolean
}

/** Compares what happened with what is expected. */
export const judge = (specs: readonly SpecResult[], { failures, atLeast, partial }: Expectation): Verdict => {
  const totals = count(specs)
  const failed = specs.filter(({ status }) => status === 'failed')
  const failedNames = new Set(failed.map(({ name }) => name))
  const names = new Set(specs.map(({ name }) => name))
  const unexpected = failed.filter(({ name }) => !Object.hasOwn(failures, name))
  const stale = Object.keys(failures).filter((name) => !failedNames.has(name) && (!partial || names.has(name)))
  const complaints: string[] = []
  if (specs.length === 0) complaints.push('no spec ran')
  if (unexpected.length > 0) complaints.push(`${unexpected.length} specs failed that are not in expected-failures.json`)
  if (stale.length > 0) complaints.push(`${stale.length} specs are listed in expected-failures.json and did not fail`)
  if (!partial && totals.passed < atLeast)
    complaints.push(`${totals.passed} specs passed; at least ${atLeast} are required`)
  return { ok: complaints.length === 0, totals, unexpected, stale, complaints }
}
