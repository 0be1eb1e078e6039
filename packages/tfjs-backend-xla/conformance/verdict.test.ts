import { describe, expect, it } from 'vitest'
import { areaOf, judge, type SpecResult } from './verdict.ts'

const spec = (name: string, status: SpecResult['status']): SpecResult => ({ name, file: 'ops/add', status })
const specs = [spec('adds', 'passed'), spec('adds strings', 'failed'), spec('adds on a phone', 'pending')]
const failures = { 'adds strings': 'strings cannot be added' }

describe('the verdict on a conformance run', () => {
  it('is good when exactly the listed specs failed', () => {
    const verdict = judge(specs, { failures, atLeast: 1, partial: false })
    expect(verdict).toMatchObject({ ok: true, totals: { passed: 1, failed: 1, pending: 1 }, complaints: [] })
  })

  it('is bad when a spec failed that is not listed', () => {
    const verdict = judge([...specs, spec('subtracts', 'failed')], { failures, atLeast: 1, partial: false })
    expect([verdict.ok, verdict.unexpected.map(({ name }) => name)]).toEqual([false, ['subtracts']])
  })

  it('is bad when a listed spec passed, or is no spec of the suite', () => {
    const listed = { ...failures, adds: 'once was broken', renamed: 'once was there' }
    const verdict = judge(specs, { failures: listed, atLeast: 1, partial: false })
    expect([verdict.ok, verdict.stale]).toEqual([false, ['adds', 'renamed']])
  })

  it('is bad when too few passed, or none ran', () => {
    expect(judge(specs, { failures, atLeast: 2, partial: false }).ok).toBe(false)
    expect(judge([], { failures: {}, atLeast: 0, partial: true }).complaints).toEqual(['no spec ran'])
  })

  it('asks nothing of specs that a filter left out', () => {
    const listed = { ...failures, renamed: 'once was there' }
    expect(judge(specs, { failures: listed, atLeast: 4150, partial: true }).ok).toBe(true)
  })

  it('groups files by folder', () => {
    expect(['engine', 'ops/add', 'ops/signal/stft'].map(areaOf)).toEqual(['engine', 'ops', 'ops/signal'])
  })
})
