import { describe, expect, it } from 'vitest'
import { DataWaitMeter } from './data-wait'

describe('DataWaitMeter', () => {
  const setUp = () => {
    let time = 0
    const meter = new DataWaitMeter(() => time)
    const pass = (milliseconds: number) => {
      time += milliseconds
    }
    /** A step under way, and what ends it. */
    const launch = () => {
      let resolve = () => {}
      const promise = new Promise<void>((done) => {
        resolve = done
      })
      meter.launched(promise)
      return async () => {
        resolve()
        await promise
        await Promise.resolve()
      }
    }
    const take = (milliseconds: number, meanwhile: () => Promise<void> = async () => {}) =>
      meter.taking(async () => {
        pass(milliseconds)
        await meanwhile()
      })
    return { meter, pass, launch, take }
  }

  it('counts the first batch, before which the engine has nothing to do', async () => {
    const { meter, take } = setUp()
    await take(40)
    expect(meter.seconds).toBe(0.04)
  })

  it('does not count what is done while the engine is busy', async () => {
    const { meter, pass, launch, take } = setUp()
    const finish = launch()
    meter.making(() => pass(30))
    await take(20)
    pass(10)
    await finish()
    expect(meter.seconds).toBe(0)
  })

  it('counts from when the engine ran out of work', async () => {
    const { meter, pass, launch, take } = setUp()
    const finish = launch()
    await take(100, async () => {
      await finish()
      pass(25)
    })
    expect(meter.seconds).toBe(0.025)
    await take(5)
    expect(meter.seconds).toBe(0.03)
  })

  it('counts a batch made in this thread whole where the step was done right after it', async () => {
    const { meter, pass, launch } = setUp()
    const finish = launch()
    meter.making(() => pass(30))
    pass(1)
    await finish()
    expect(meter.seconds).toBe(0.03)
    // A step of which nobody knows any more, since another has been launched, says nothing.
    const late = launch()
    meter.making(() => pass(30))
    launch()
    await late()
    expect(meter.seconds).toBe(0.03)
  })
})
