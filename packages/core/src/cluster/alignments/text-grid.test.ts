import { describe, expect, it } from 'vitest'
import { DataError } from '../../errors'
import { HostRng } from '../../random/index'
import { parseTextGrid } from './text-grid'

const long = `File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.25
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 1.25
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 0.75
            text = "AH0"
        intervals [3]:
            xmin = 0.75
            xmax = 1.25
            text = "say ""a"" 2
lines"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 1.25
        points: size = 1
        points [1]:
            number = 0.3
            mark = "click"
`
const short = `"ooTextFile"
"TextGrid"
0
1.25
<exists>
2
"IntervalTier"
"phones"
0
1.25
3
0
0.5
""
0.5 .75 "AH0" ! a word of explanation: 17 "x"
7.5e-1
1.25
"say ""a"" 2
lines"
"TextTier" "clicks" 0 1.25 1 0.3 "click"`
const expected = {
  start: 0,
  end: 1.25,
  tiers: [
    {
      name: 'phones',
      kind: 'intervals',
      segments: [
        { start: 0, end: 0.5, label: '' },
        { start: 0.5, end: 0.75, label: 'AH0' },
        { start: 0.75, end: 1.25, label: 'say "a" 2\nlines' },
      ],
    },
    { name: 'clicks', kind: 'points', segments: [{ start: 0.3, end: 0.3, label: 'click' }] },
  ],
}

describe('parseTextGrid', () => {
  it('reads the long form and the short one alike', () => {
    expect(parseTextGrid(long, 'a.TextGrid')).toEqual(expected)
    expect(parseTextGrid(short, 'a.TextGrid')).toEqual(expected)
    expect(parseTextGrid(`\ufeff${long.replaceAll('\n', '\r\n')}`, 'a.TextGrid').tiers[0]!.segments[1]).toEqual({
      start: 0.5,
      end: 0.75,
      label: 'AH0',
    })
    const none = '"ooTextFile" "TextGrid" 0 1 <absent>'
    expect(parseTextGrid(none, 'a')).toEqual({ start: 0, end: 1, tiers: [] })
  })

  it.each([
    [short.replace('ooTextFile', 'ooBinaryFile'), 'a.TextGrid:1: this is no Praat text file.'],
    [short.replace('"TextGrid"', '"Pitch"'), 'a.TextGrid:2: this is no TextGrid.'],
    ['phones', 'a.TextGrid:1: it ends where "ooTextFile" should be.'],
    [short.replace('IntervalTier', 'Tier'), 'a.TextGrid:7: a tier is of the kind "Tier".'],
    [short.replace('"AH0"', '0.9'), 'a.TextGrid:15: here should be a text, not 0.9.'],
    [short.replace('0.5\n""', '0.5x\n""'), 'a.TextGrid:14: here should be a time, not .'],
    [short.replace('0.5 .75', '0.5 0.4'), 'a.TextGrid:15: an interval ends at 0.4, before it begins at 0.5.'],
    [short.replace('0.5 .75', '0.2 .75'), 'a.TextGrid:15: it begins at 0.2, before the one before it ends at 0.5.'],
    [short.replace('\n3\n', '\n300000000\n'), 'a.TextGrid:20: here should be a time, not TextTier.'],
    [short.replace('\n3\n', '\n2\n'), "a.TextGrid:16: here should be a tier's kind, not 7.5e-1."],
    [short.replace('\n3\n', '\n2.5\n'), 'a.TextGrid:11: the number of intervals is 2.5.'],
    [`${short}\n"more"`, 'a.TextGrid:21: it goes on after its last tier.'],
    [short.slice(0, -1), 'a.TextGrid:20: a text that begins here does not end.'],
    [short.replace('<exists>', '<exists'), 'a.TextGrid:6: here should be <exists> or <absent>, not 2.'],
    [short.replace('\n1.25\n', '\n1e999\n'), 'a.TextGrid:4: the end is too large a number.'],
  ])('refuses %#', (text, message) => {
    expect(() => parseTextGrid(text, 'a.TextGrid')).toThrow(message)
    expect(() => parseTextGrid(text, 'a.TextGrid')).toThrow(DataError)
  })

  it('takes 10,000 mutations with typed errors or with intervals in order', () => {
    const rng = new HostRng(7, 'text grid')
    const pieces = ['"', '""', '\n', ' ', '9', '-1', '1e9', '<', '!', '<exists>', '"IntervalTier"', '\0', '99999999']
    let taken = 0
    for (let round = 0; round < 10_000; round++) {
      let text = round % 2 ? short : long
      for (let change = rng.int(3); change >= 0; change--) {
        const at = rng.int(text.length)
        text = text.slice(0, at) + pieces[rng.int(pieces.length)]! + text.slice(at + rng.int(4))
      }
      try {
        for (const { kind, segments } of parseTextGrid(text, 'mutated').tiers) {
          let before = Number.NEGATIVE_INFINITY
          for (const { start, end } of segments) {
            expect(kind === 'points' ? start === end : start <= end).toBe(true)
            expect(start).toBeGreaterThan(before - 1e-4)
            before = end
          }
        }
        taken++
      } catch (error) {
        expect(error).toBeInstanceOf(DataError)
        expect((error as DataError).file).toMatch(/^mutated:\d+$/)
      }
    }
    expect(taken).toBeGreaterThan(500)
  })
})
