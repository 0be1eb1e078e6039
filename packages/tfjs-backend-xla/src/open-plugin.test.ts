import { describe, expect, it } from 'vitest'
import { driverProblem, kindOfClient } from './open-plugin'

describe('driverProblem', () => {
  const plugin = (cuda: number) => `/x/jax_plugins/xla_cuda${cuda}/xla_cuda_plugin.so`

  it('tells of a driver that is too old before anything is loaded, and what to install instead', () => {
    expect(driverProblem(plugin(13), '535.129.03')).toMatch(
      /cuda13 needs .* 580 or newer; .* 535\.129\.03.*install cuda12/,
    )
    expect(driverProblem(plugin(12), '470.182.3')).toMatch(/cuda12 needs .* 525 or newer; .* Update it\.$/)
  })

  it('finds nothing wrong with a driver that fits, or that is not known', () => {
    expect(driverProblem(plugin(13), '580.65.06')).toBeUndefined()
    expect(driverProblem(plugin(12), '535.129.03')).toBeUndefined()
    expect(driverProblem(plugin(13), undefined)).toBeUndefined()
    expect(driverProblem('/opt/my_plugin.so', '300.1')).toBeUndefined()
  })
})

describe('kindOfClient', () => {
  const info = { path: '/x.so', kind: undefined, version: undefined, source: 'environment' } as const

  it('goes by what the plugin calls its platform, then by what it was found as', () => {
    expect(kindOfClient(info, 'cuda')).toBe('cuda')
    expect(kindOfClient(info, 'SYCL')).toBe('oneapi')
    expect(kindOfClient({ ...info, kind: 'tpu' }, 'something new')).toBe('tpu')
    expect(kindOfClient(info, 'something new')).toBe('cpu')
  })
})
