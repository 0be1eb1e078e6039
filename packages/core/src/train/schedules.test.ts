import { describe, expect, it } from 'vitest'
import { ConfigError } from '../errors'
import {
  constantSchedule,
  cosineSchedule,
  inverseSquareRootSchedule,
  linearDecaySchedule,
  polynomialDecaySchedule,
  triStageSchedule,
} from './schedules'

const at = (schedule: (step: number) => number, steps: number[]) =>
  steps.map((step) => Number(schedule(step).toFixed(9)))

describe('schedules', () => {
  it('constant: warms up to the factor and stays there', () => {
    expect(at(constantSchedule({ factor: 2, warmupSteps: 4 }), [1, 2, 4, 5, 1000])).toEqual([0.5, 1, 2, 2, 2])
    expect(at(constantSchedule(), [1, 50])).toEqual([1, 1])
  })

  it('linear: warms up, then falls evenly to its end', () => {
    const schedule = linearDecaySchedule({ warmupSteps: 2, totalSteps: 6, end: 0.2 })
    expect(at(schedule, [1, 2, 3, 4, 5, 6, 7, 100])).toEqual([0.5, 1, 1, 0.8, 0.6, 0.4, 0.2, 0.2])
  })

  it('polynomial: the decay has its power', () => {
    const schedule = polynomialDecaySchedule({ totalSteps: 4, power: 2 })
    expect(at(schedule, [1, 2, 3, 4, 5])).toEqual([1, 0.5625, 0.25, 0.0625, 0])
  })

  it('cosine: half a period', () => {
    const schedule = cosineSchedule({ warmupSteps: 1, totalSteps: 5, end: 0.5 })
    expect(at(schedule, [1, 2, 3, 4, 6])).toEqual([1, 1, 0.926776695, 0.75, 0.5])
  })

  it('inverse square root: warms up, then falls with the root of the update', () => {
    expect(at(inverseSquareRootSchedule({ warmupSteps: 4 }), [1, 4, 16, 64])).toEqual([0.25, 1, 0.5, 0.25])
    expect(() => inverseSquareRootSchedule({ warmupSteps: 0 })).toThrow(ConfigError)
  })

  it('tri-stage: the three stages and the values where they meet', () => {
    const schedule = triStageSchedule({ totalSteps: 100 })
    // fairseq's TriStageLRSchedule at num_updates 0, 5, 10, 49, 50, 75, 100.
    const expected = [0.01, 0.505, 1, 1, 1, Math.sqrt(0.05), 0.05].map((value) => Number(value.toFixed(9)))
    expect(at(schedule, [1, 6, 11, 50, 51, 76, 101])).toEqual(expected)
    expect(schedule(1000)).toBe(0.05)
  })

  it('describes itself for checkpoints', () => {
    expect(triStageSchedule({ totalSteps: 10 }).description).toBe(
      'triStage(totalSteps=10, phases=0.1/0.4/0.5, start=0.01, end=0.05)',
    )
  })

  it('refuses what makes no schedule', () => {
    expect(() => linearDecaySchedule({ warmupSteps: 5, totalSteps: 4 })).toThrow(ConfigError)
    expect(() => cosineSchedule({ totalSteps: 1.5 })).toThrow(ConfigError)
    expect(() => triStageSchedule({ totalSteps: 10, phases: [0.5, 0.5, 0.5] })).toThrow(ConfigError)
    expect(() => triStageSchedule({ totalSteps: 10, end: 0 })).toThrow(ConfigError)
  })
})
