import { describe, expect, it } from 'vitest'
import { checkSteps, isComparable } from './check-steps'
import type { ContestantKey } from './settings'
import type { Specification } from './specification'

/** A contestant whose steps have the losses 1, 2, …, and `gradNorm` 2. */
const launch = (key: ContestantKey) => ({
  title: key,
  command: process.execPath,
  args: [
    '-e',
    `console.log(JSON.stringify({ name: 'toy' }))
     require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
       const { count } = JSON.parse(line)
       const steps = Array.from({ length: count }, (_, i) => ({ loss: i + 1, gradNorm: 2, seconds: 3, peakRssBytes: 4 }))
       console.log(JSON.stringify({ steps }))
     })`,
  ],
})
const steps = [1, 2, 3].map((loss) => ({ loss, gradNorm: 2 }))

describe('checkSteps', () => {
  it('has the losses and gradient norms of three steps of Babble and PyTorch', async () => {
    expect(await checkSteps(['ours', 'pytorch', 'wasm'], launch)).toEqual({ ours: steps, pytorch: steps })
  })

  it('lets Babble go first, whose parameters PyTorch starts from', async () => {
    const order: ContestantKey[] = []
    await checkSteps(['ours', 'pytorch-compile'], (key) => {
      order.push(key)
      return launch(key)
    })
    expect(order).toEqual(['ours', 'pytorch'])
  })

  it('compares nothing where one of the two does not take part, or cannot', async () => {
    expect(await checkSteps(['ours', 'wasm'], launch)).toBeUndefined()
    expect(await checkSteps(['pytorch'], launch)).toBeUndefined()
    const absent = (key: ContestantKey) =>
      key === 'ours' ? launch(key) : { ...launch(key), args: ['-e', `console.log('{"unavailable":"no PyTorch"}')`] }
    expect(await checkSteps(['ours', 'pytorch'], absent)).toBeUndefined()
  })
})

describe('isComparable', () => {
  it('is true of all tasks but the one that draws noise without dropout too', () => {
    const tasks = ['pretraining', 'masked-prediction', 'ctc'] as const
    expect(tasks.filter((task) => isComparable({ task } as Specification))).toEqual(['masked-prediction', 'ctc'])
  })
})
