import { describe, expect, it } from 'vitest'
import { OptionError } from '../options'
import { baseParameterShapes, catalogue } from './catalogue'
import { select, yardsticks } from './select'

describe('catalogue', () => {
  const cases = catalogue()

  it('names each line once', () => {
    const ids = cases.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const yardstick of yardsticks) expect(ids).toContain(yardstick)
  })

  it('updates the 95,044,608 parameters of wav2vec 2.0 base with its pre-training head', () => {
    const count = baseParameterShapes.reduce((sum, [shape, times]) => sum + times * shape.reduce((a, b) => a * b), 0)
    expect(count).toBe(95_044_608)
  })

  it('passes the waveform through seven layers down to 249 frames', () => {
    const last = cases.find(({ id }) => id === 'conv1d layer 6 forward')!
    expect(last.work).toMatchObject({ time: 499, kernel: 2, stride: 2 })
    // 2 x 249 frames of 512 channels, each a sum over 512 channels and 2 taps.
    expect(last.flops).toBe(2 * (2 * 249 * 512) * 512 * 2)
  })

  it('counts a grouped convolution by its groups', () => {
    const positional = cases.find(({ id }) => id === 'conv1d positional forward')!
    expect(positional.flops).toBe(2 * (2 * 249 * 768) * 48 * 128)
  })
})

describe('select', () => {
  const cases = catalogue()
  const ids = (filter?: string) => select(cases, filter).map(({ id }) => id)

  it('takes all without a filter, else those with one of its texts and the yardsticks', () => {
    expect(ids()).toHaveLength(cases.length)
    const found = ids('softmax, layer norm 2x')
    expect(found.slice(0, 2)).toEqual(yardsticks)
    expect(found.slice(2)).toEqual(['softmax 2x12x249x249 forward+backward', 'layer norm 2x249x768 forward+backward'])
  })

  it('lists the names when nothing fits', () => {
    expect(() => ids('conv3d')).toThrow(OptionError)
    expect(() => ids('conv3d')).toThrow(/matches none of:\n {2}scale/)
  })
})
