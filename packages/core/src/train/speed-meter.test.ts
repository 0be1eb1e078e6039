import { describe, expect, it } from 'vitest'
import { SpeedMeter } from './speed-meter'

describe('SpeedMeter', () => {
  it('measures the recent steps, without the first and without pauses', () => {
    let now = 0
    const meter = new SpeedMeter(() => now)
    const steps = (count: number, milliseconds: number) => {
      for (let step = 0; step < count; step++) {
        now += milliseconds
        meter.add(3)
      }
    }
    meter.start()
    expect(meter.speed()).toEqual({ stepsPerSecond: 0 })
    // A first step that compiles for a minute says nothing about the ones after.
    steps(1, 60_000)
    steps(4, 500)
    expect(meter.speed()).toEqual({ stepsPerSecond: 2, audioSecondsPerSecond: 6 })
    meter.pause()
    now += 100_000
    meter.start()
    steps(2, 500)
    expect(meter.speed().stepsPerSecond).toBe(2)
    expect(meter.seconds).toBe(63)
    steps(20, 250)
    expect(meter.speed().stepsPerSecond).toBe(4)
  })

  it('gives steps alone where lengths are unknown', () => {
    let now = 0
    const meter = new SpeedMeter(() => now)
    meter.start()
    for (const audioSeconds of [1, undefined, 1]) {
      now += 1000
      meter.add(audioSeconds)
    }
    expect(meter.speed()).toEqual({ stepsPerSecond: 1 })
  })
})
