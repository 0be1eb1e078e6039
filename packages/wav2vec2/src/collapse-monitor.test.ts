import { describe, expect, it } from 'vitest'
import { codebookCollapseMonitor } from './collapse-monitor'
import { wav2vec2Tiny } from './config'

const config = wav2vec2Tiny({ numCodevectorGroups: 2, numCodevectorsPerGroup: 100, numNegatives: 99 })
const options = { window: 20, patience: 50, silence: 100 }
const healthy = { codePerplexity: 80, probPerplexity: 120, contrastiveAccuracy: 0.4, gradNorm: 1, loss: 3 }

const run = (
  monitor: ReturnType<typeof codebookCollapseMonitor>,
  metrics: Record<string, number>,
  from: number,
  to: number,
) => {
  const warnings = []
  for (let step = from; step <= to; step++) warnings.push(...monitor.observe(step, metrics))
  return warnings
}

describe('codebookCollapseMonitor', () => {
  it('is silent while codes are in use and targets are found', () => {
    expect(run(codebookCollapseMonitor(config, options), healthy, 1, 500)).toEqual([])
  })

  it('warns of codebooks that collapse, with the numbers and what to try, and then waits', () => {
    const monitor = codebookCollapseMonitor(config, options)
    run(monitor, healthy, 1, 100)
    const warnings = run(
      monitor,
      { ...healthy, codePerplexity: 2.2, probPerplexity: 2.4, contrastiveAccuracy: 1 },
      101,
      300,
    )
    expect(warnings).toHaveLength(2)
    expect(warnings[1]!.step - warnings[0]!.step).toBe(100)
    expect(warnings[0]!.step).toBeGreaterThan(110)
    expect(warnings[1]!.message).toMatch(/1\.1 of 100 entries .*accuracy is 100\.0 %/)
    expect(warnings[0]!.cure).toMatch(/diversityLossWeight/)
  })

  it('points to the temperature when the probabilities are wider than what is used', () => {
    const narrow = { ...healthy, codePerplexity: 2.2, probPerplexity: 150 }
    expect(run(codebookCollapseMonitor(config, options), narrow, 1, 60)[0]!.cure).toMatch(/temperature/)
  })

  it('warns when targets are found no better than by guessing', () => {
    const [warning] = run(codebookCollapseMonitor(config, options), { ...healthy, contrastiveAccuracy: 0.011 }, 1, 60)
    expect(warning!.message).toMatch(/1\.1 %.*1\.0 % by chance/)
  })

  it('gives the few codes of the first steps grace', () => {
    expect(run(codebookCollapseMonitor(config, options), { ...healthy, codePerplexity: 2 }, 1, 49)).toEqual([])
  })

  it('goes on from a checkpoint where it was', () => {
    const bad = { ...healthy, codePerplexity: 2.2 }
    const straight = codebookCollapseMonitor(config, options)
    const expected = [...run(straight, healthy, 1, 60), ...run(straight, bad, 61, 260)]
    const before = codebookCollapseMonitor(config, options)
    const first = [...run(before, healthy, 1, 60), ...run(before, bad, 61, 70)]
    const after = codebookCollapseMonitor(config, options)
    after.restore!(JSON.parse(JSON.stringify(before.state!())))
    expect([...first, ...run(after, bad, 71, 260)]).toEqual(expected)
  })
})
