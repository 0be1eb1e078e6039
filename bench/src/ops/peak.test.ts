import { describe, expect, it } from 'vitest'
import type { OpResult, OpTimes } from '../report/records'
import { peakOf } from './peak'

const times = (medianSeconds: number): OpTimes => ({ prepareSeconds: 1, medianSeconds, rounds: [[medianSeconds]] })
const result = (id: string, amounts: Pick<OpResult, 'flops' | 'bytes'>, seconds: number[]): OpResult => ({
  id,
  ...amounts,
  times: { ours: times(seconds[0]!), ...(seconds[1] && { pytorch: times(seconds[1]) }) },
  missing: {},
})

describe('peakOf', () => {
  it('is what the fastest contestant reached on the yardsticks', () => {
    const results = [
      result('scale 24 MB', { bytes: 48 }, [4, 2]),
      result('matmul x W 2048x2048x2048', { flops: 100, bytes: 1 }, [2, 5]),
      result('matmul x W 1024x1024x1024', { flops: 9000, bytes: 1 }, [1, 1]),
    ]
    expect(peakOf(results)).toEqual({ flopsPerSecond: 50, bytesPerSecond: 24 })
  })

  it('is unknown without them', () => {
    expect(peakOf([])).toEqual({})
  })
})
