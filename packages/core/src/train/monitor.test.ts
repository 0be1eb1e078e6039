import { describe, expect, it } from 'vitest'
import { GradientNormMonitor, NonFiniteMonitor } from './monitor'

describe('NonFiniteMonitor', () => {
  const bad = { loss: Number.NaN, gradNorm: 1, skipped: 1 }

  it('warns once, and is fatal after so many in a row', () => {
    const monitor = new NonFiniteMonitor({ patience: 3 })
    const severities = [bad, bad, bad].map((metrics, index) =>
      monitor.observe(index + 1, metrics).map(({ severity }) => severity),
    )
    expect(severities).toEqual([[undefined], [], ['fatal']])
  })

  it('forgets what a finite step interrupts, and remembers across a resume', () => {
    const monitor = new NonFiniteMonitor({ patience: 3 })
    monitor.observe(1, bad)
    monitor.observe(2, bad)
    const resumed = new NonFiniteMonitor({ patience: 3 })
    resumed.restore(JSON.parse(JSON.stringify(monitor.state())))
    expect(resumed.observe(3, bad)[0]?.severity).toBe('fatal')
    monitor.observe(3, { loss: 1, gradNorm: 1, skipped: 0 })
    expect(monitor.observe(4, bad)[0]?.severity).toBeUndefined()
  })
})

describe('GradientNormMonitor', () => {
  const feed = (monitor: GradientNormMonitor, norms: number[], from = 1) =>
    norms.flatMap((gradNorm, index) => monitor.observe(from + index, { gradNorm }))

  it('warns of a jump above the running average, and then keeps quiet for a window', () => {
    const monitor = new GradientNormMonitor({ explosionFactor: 10, window: 20 })
    expect(feed(monitor, new Array(30).fill(1))).toEqual([])
    expect(feed(monitor, [9], 31)).toEqual([])
    expect(feed(monitor, [50, 200], 32)).toHaveLength(1)
  })

  it('warns of gradients that have vanished, and goes on from a saved state', () => {
    const monitor = new GradientNormMonitor({ window: 10 })
    feed(monitor, new Array(9).fill(1e-9))
    const resumed = new GradientNormMonitor({ window: 10 })
    resumed.restore(JSON.parse(JSON.stringify(monitor.state())))
    expect(feed(resumed, [1e-9], 10)[0]?.message).toContain('stopped learning')
  })
})
