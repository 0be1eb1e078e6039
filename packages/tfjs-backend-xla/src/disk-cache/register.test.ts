import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { XlaBackend } from '../backend'
import { findPlugin, jit, registerXla } from '../index'
import { DiskCache } from './disk-cache'

describe.skipIf(!findPlugin({ device: 'cpu' }))('registerXla({ programCache })', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'babble-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  it('keeps what takes long to compile, jitted or eager, and another backend finds it', async () => {
    const backend = await registerXla({ device: 'cpu', programCache: directory })
    const fn = jit((x: tf.Tensor) => tf.exp(x))
    const [x, y] = [tf.zeros([2]), tf.ones([2])]
    expect([x, y].map((tensor) => tensor.dataSync()[0])).toEqual([0, 1])
    let now = 0
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 1000))
    expect(fn(x).dataSync()[0]).toBe(1)
    expect(tf.neg(y).dataSync()[0]).toBe(-1)
    clock.mockRestore()
    expect(backend.diskCache?.writes).toBe(2)
    const later = new XlaBackend(backend.client, 'cpu', 'later', new DiskCache(directory))
    later.compile(fn.lower(x), [{ element: 'f32', shape: [2] }])
    expect(later.diskCache?.hits).toBe(1)
  })
})
