import { describe, expect, it } from 'vitest'
import { createOptionsFor, ignoredOptions } from './device-options'

describe('createOptionsFor', () => {
  it('leaves head-room on a GPU and takes its share at the start, unless told otherwise', () => {
    expect(createOptionsFor('cuda', {}, {})).toEqual({ platform_name: 'cuda', memory_fraction: 0.8, preallocate: true })
    expect(createOptionsFor('cuda', { memoryFraction: 0.5, preallocate: false, visibleDevices: [1, 2] }, {})).toEqual({
      platform_name: 'cuda',
      memory_fraction: 0.5,
      preallocate: false,
      visible_devices: [1, 2],
    })
  })

  it('names the platform as each GPU plugin calls itself, and sends nothing to the others', () => {
    expect(createOptionsFor('rocm', {}, {})).toMatchObject({ platform_name: 'ROCM' })
    expect(createOptionsFor('oneapi', {}, {})).toMatchObject({ platform_name: 'SYCL' })
    for (const kind of ['cpu', 'tpu', 'metal', undefined] as const) expect(createOptionsFor(kind, {}, {})).toEqual({})
  })

  it('takes defaults from the environment, which options override', () => {
    const environment = { BABBLE_MEMORY_FRACTION: '0.4', BABBLE_PREALLOCATE: 'false' }
    expect(createOptionsFor('cuda', {}, environment)).toMatchObject({ memory_fraction: 0.4, preallocate: false })
    expect(createOptionsFor('cuda', { memoryFraction: 0.6 }, environment)).toMatchObject({ memory_fraction: 0.6 })
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses a memory fraction of %s', (memoryFraction) => {
    expect(() => createOptionsFor('cuda', { memoryFraction }, {})).toThrow(/above 0 and at most 1/)
  })

  it('refuses variables that say nothing', () => {
    expect(() => createOptionsFor('cuda', {}, { BABBLE_MEMORY_FRACTION: '80%' })).toThrow(/not '80%'/)
    expect(() => createOptionsFor('cuda', {}, { BABBLE_PREALLOCATE: 'maybe' })).toThrow(/true or false, not 'maybe'/)
  })
})

describe('ignoredOptions', () => {
  it('names what means nothing on a device', () => {
    expect(ignoredOptions('cpu', { memoryFraction: 0.5, preallocate: true })).toEqual(['memoryFraction', 'preallocate'])
    expect(ignoredOptions('cuda', { memoryFraction: 0.5 })).toEqual([])
    expect(ignoredOptions('cpu', {})).toEqual([])
  })
})
