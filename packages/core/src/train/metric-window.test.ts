import { describe, expect, it } from 'vitest'
import { MetricWindow } from './metric-window'

describe('MetricWindow', () => {
  it('averages finite values, and counts skipped steps', () => {
    const window = new MetricWindow()
    window.add({ loss: 1, skipped: 0, only: Number.NaN })
    window.add({ loss: Number.NaN, skipped: 1, only: Number.NaN })
    window.add({ loss: 4, skipped: 1, only: Number.NaN })
    expect(window.drain()).toEqual({ loss: 2.5, skipped: 2, only: Number.NaN })
    expect(window.steps).toBe(0)
    expect(window.drain()).toEqual({})
  })

  it('goes on exactly from a state that went through JSON', () => {
    const whole = new MetricWindow()
    const part = new MetricWindow()
    for (const window of [whole, part]) for (const loss of [0.1, 0.2]) window.add({ loss })
    const resumed = new MetricWindow()
    resumed.restore(JSON.parse(JSON.stringify(part.state())))
    for (const window of [whole, resumed]) window.add({ loss: 0.7 })
    expect(resumed.drain()).toEqual(whole.drain())
  })
})
