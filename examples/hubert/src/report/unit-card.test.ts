import { describe, expect, it } from 'vitest'
import { meaningsOf, unitCard } from './unit-card'

describe('meaningsOf', () => {
  it('gives each cluster the digit that most of its frames lie in', () => {
    const counts = new Map([
      [
        7,
        new Map([
          ['one', 1],
          ['nine', 3],
        ]),
      ],
    ])
    expect(meaningsOf(counts)).toEqual(new Map([[7, { digit: 'nine', purity: 0.75 }]]))
  })
})

describe('unitCard', () => {
  it('draws one block for each run of a unit, as long as the run', () => {
    const { markup } = unitCard({
      title: 'ann <1>',
      waveform: new Float32Array(8000).map((_, i) => Math.sin(i)),
      sampleRate: 8000,
      segments: [{ start: 0, end: 1, label: 'nine' }],
      rows: [{ name: 'MFCC', units: [7, 7, 7, 2], rate: 4, meanings: new Map([[7, { digit: 'nine', purity: 0.75 }]]) }],
    })
    expect(markup.match(/<title>unit/g)).toHaveLength(2)
    expect(markup).toContain('unit 7, mostly &quot;nine&quot; (75 %)')
    expect(markup).toContain('unit 2, not in training')
    // 560 units of width are a second.
    expect(markup).toContain('width="420.0"')
    expect(markup).toContain('width="140.0"')
    expect(markup).toContain('ann &lt;1&gt;')
    expect(markup).not.toContain('NaN')
  })
})
