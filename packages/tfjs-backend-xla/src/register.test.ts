import { afterEach, describe, expect, it, vi } from 'vitest'
import { needsPlugin, testPlugin } from './pjrt/testing'
import { registerXla } from './register'

describe('registerXla', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
  })

  it('refuses options of a GPU where the CPU is asked for, and values out of range anywhere', async () => {
    await expect(registerXla({ device: 'cpu', memoryFraction: 0.5 })).rejects.toThrow(
      'memoryFraction means nothing on the device "cpu"',
    )
    await expect(registerXla({ memoryFraction: 2 })).rejects.toThrow(
      /^memoryFraction must be above 0 and at most 1, not 2$/,
    )
    vi.stubEnv('BABBLE_PREALLOCATE', 'perhaps')
    await expect(registerXla()).rejects.toThrow(/^BABBLE_PREALLOCATE must be true or false/)
  })

  it('says why no plugin opens, and who looks into it', async () => {
    const plugin = { path: '/nowhere/plugin.so', kind: 'cpu', version: undefined, source: 'cache' } as const
    const error = await registerXla({ plugin }).catch((thrown: unknown) => thrown as Error)
    expect(error).toMatchObject({ name: 'XlaError', code: 'UNAVAILABLE' })
    expect((error as Error).message).toMatch(/\/nowhere\/plugin\.so: .*\n.*tfjs-xla doctor/s)
    expect((error as Error).cause).toBeInstanceOf(Error)
  })

  it.skipIf(!testPlugin)(
    `says that options of a GPU mean nothing where the CPU is what there is${needsPlugin}`,
    async () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
      const plugin = { path: testPlugin!, kind: 'cpu', version: undefined, source: 'cache' } as const
      const backend = await registerXla({ plugin, memoryFraction: 0.5, preallocate: false })
      expect(backend.device).toBe('cpu')
      expect(warn.mock.calls).toEqual([['xla: memoryFraction and preallocate mean nothing on the cpu, which is used']])
    },
  )
})
