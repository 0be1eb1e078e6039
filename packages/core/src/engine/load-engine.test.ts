import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EngineError } from './errors'
import { loadEngine } from './load-engine'

describe('loadEngine where there is no plugin', () => {
  let empty: string
  beforeEach(() => {
    empty = mkdtempSync(join(tmpdir(), 'babble-'))
    // Neither a plugin in the cache, nor Python, nor pip.
    vi.stubEnv('BABBLE_CACHE', empty)
    vi.stubEnv('PATH', empty)
    vi.stubEnv('VIRTUAL_ENV', '')
    vi.stubEnv('CONDA_PREFIX', '')
    vi.stubEnv('BABBLE_PJRT_PLUGIN', '')
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
    rmSync(empty, { recursive: true })
  })

  it('takes the portable engine, and says why and how to get the fast one', async () => {
    const said: string[] = []
    vi.spyOn(console, 'error').mockImplementation((line: string) => void said.push(line))
    const engine = await loadEngine()
    expect(engine.backend).toBe('wasm')
    expect(tf.getBackend()).toBe('wasm')
    expect(said.join('\n')).toMatch(/Not taken: xla: no PJRT plugin[\s\S]*tfjs-xla install cpu|BABBLE_PJRT_PLUGIN/)
    expect(said.at(-1)).toMatch(/^Engine: TensorFlow.js wasm/)
  })

  it('goes on without pip when asked to install', async () => {
    const said: string[] = []
    vi.spyOn(console, 'error').mockImplementation((line: string) => void said.push(line))
    expect((await loadEngine({ install: true })).backend).toBe('wasm')
    expect(said.join('\n')).toMatch(/Not taken: xla: .*(pip|Python)/)
  })

  it('is an error that says what to do when xla or a GPU is insisted on', async () => {
    await expect(loadEngine({ backend: 'xla' })).rejects.toThrow(/BABBLE_PJRT_PLUGIN/)
    await expect(loadEngine({ backend: 'xla', install: true })).rejects.toThrow(EngineError)
    await expect(loadEngine({ device: 'cuda', quiet: true })).rejects.toThrow(EngineError)
    vi.stubEnv('BABBLE_PJRT_PLUGIN', '/nowhere/plugin.so')
    await expect(loadEngine({ backend: 'xla' })).rejects.toThrow(/\/nowhere\/plugin\.so, which does not exist/)
  })
})
