import { describe, expect, it } from 'vitest'
import { agrees, disagreements } from './agreement'

const ours = [
  { loss: 2, gradNorm: 10 },
  { loss: 4, gradNorm: 5 },
]

describe('disagreements', () => {
  it('are the largest ones of the steps, relative to Babble', () => {
    const pytorch = [
      { loss: 2.5, gradNorm: 10 },
      { loss: 3.5, gradNorm: 4 },
    ]
    expect(disagreements({ ours, pytorch })).toEqual([['pytorch', { loss: 0.25, gradNorm: 0.2 }]])
  })

  it('are none without Babble', () => {
    expect(disagreements({ pytorch: ours })).toEqual([])
    expect(disagreements({ ours })).toEqual([])
  })
})

describe('agrees', () => {
  it('wants losses to 1e-5 and gradient norms to 1e-3, less in bf16', () => {
    expect(agrees({ loss: 9e-6, gradNorm: 9e-4 }, 'float32')).toBe(true)
    expect(agrees({ loss: 2e-5, gradNorm: 0 }, 'float32')).toBe(false)
    expect(agrees({ loss: 0, gradNorm: 2e-3 }, 'float32')).toBe(false)
    expect(agrees({ loss: 1e-2, gradNorm: 4e-2 }, 'bf16')).toBe(true)
    expect(agrees({ loss: 3e-2, gradNorm: 0 }, 'bf16')).toBe(false)
  })

  it('is false where a contestant has fewer steps, or one that is not a number', () => {
    for (const steps of [ours.slice(1), [...ours.slice(1), { loss: Number.NaN, gradNorm: 1 }]]) {
      const [[, disagreement]] = disagreements({ ours, pytorch: steps }) as [
        [string, { loss: number; gradNorm: number }],
      ]
      expect(agrees(disagreement, 'float32')).toBe(false)
    }
  })
})
