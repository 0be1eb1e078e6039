import { describe, expect, it } from 'vitest'
import { tableText } from './tables'

describe('tableText', () => {
  it('sets names flush left and figures flush right', () => {
    const text = tableText({
      columns: ['clusters of', 'purity'],
      rows: [
        ['MFCC', '0.4'],
        ['iteration 1', '0.45'],
      ],
    })
    expect(text).toBe('clusters of  purity\nMFCC            0.4\niteration 1    0.45\n')
  })
})
