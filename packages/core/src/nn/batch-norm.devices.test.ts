import { expectClose } from '@babble/core/testing'
import { findPlugin } from '@babble/tfjs-backend-xla'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadEngine } from '../engine/index'
import { train } from './batch-norm.fixture'

describe.skipIf(!findPlugin({ device: 'cpu' }))('BatchNorm on several devices', () => {
  beforeAll(() => loadEngine({ backend: 'xla', device: 'cpu', quiet: true, xla: { deviceCount: 2 } }))

  it("takes the statistics of the whole batch, not of each device's part", async () => {
    const [one, two] = [await train(), await train({ devices: 2 })]
    expect(two.state.get('student.norm.num_batches_tracked')).toEqual([8])
    for (const [name, values] of one.state) expectClose(two.state.get(name)!, values, { relative: 2e-6, name })
  })
})
