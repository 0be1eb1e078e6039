import { inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatNumber, makeAxis } from './axis'
import { barChart } from './bar-chart'
import { escapeHtml, html, rawHtml } from './html'
import { lineChart } from './line-chart'
import { keyFigures, renderReport } from './page'
import { encodePng } from './png'
import { recordingCard } from './recording-card'
import { fft, heatPalette, spectrogram, spectrogramImage } from './spectrogram'
import { table } from './table'

const hostile = `<script>alert("x")</script> & 'y' \u0000\u202e`
const count = (text: string, part: string) => text.split(part).length - 1
const wave = (hz: number, samples = 4000) =>
  Float32Array.from({ length: samples }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / 8000))

describe('html', () => {
  it('escapes what is put into it, and nothing else', () => {
    expect(html`<b>${'<i>'}${1}${['&', html`<u>`]}${null}${rawHtml('&lt;')}</b>`.markup).toBe(
      '<b>&lt;i&gt;1&amp;<u>&lt;</b>',
    )
  })

  it('leaves no text able to open a tag, end an attribute or turn the writing direction', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(escapeHtml(text)).not.toMatch(/[<>"'\u202a-\u202e\u2066-\u2069]/)
        expect(escapeHtml(text).replace(/&(amp|lt|gt|quot|#39);/g, '')).not.toContain('&')
      }),
    )
  })

  it('escapes text in every block', () => {
    const page = renderReport({
      title: hostile,
      subtitle: hostile,
      sections: [
        {
          title: hostile,
          note: hostile,
          blocks: [
            lineChart({
              title: hostile,
              series: [{ name: hostile, points: [{ x: 0, y: 1 }] }],
              x: { label: hostile },
              y: { label: hostile },
              reference: { y: 1, label: hostile },
              note: hostile,
            }),
            barChart({ title: hostile, values: [1], xLabel: hostile, yLabel: hostile, note: hostile }),
            table({ columns: [hostile], rows: [[hostile]], caption: hostile }),
            recordingCard({
              waveform: wave(500),
              sampleRate: 8000,
              title: hostile,
              reference: hostile,
              hypothesis: hostile,
              marks: [{ seconds: 0, label: hostile }],
            }),
            keyFigures([{ value: hostile, label: hostile }]),
          ],
        },
      ],
    })
    expect(page).not.toContain('<script')
    expect(page).not.toContain('\u0000')
    expect(page).not.toContain('\u202e')
    expect(count(page, escapeHtml(hostile))).toBeGreaterThan(20)
  })

  it('makes a page without anything from outside', () => {
    const page = renderReport({
      title: 'a',
      sections: [{ title: 'b', blocks: [recordingCard({ waveform: wave(300), sampleRate: 8000 })] }],
    })
    const addresses = [...page.matchAll(/(?:src|href)="([^"]{0,40})/g)].map(([, address]) => address!)
    expect(addresses.length).toBe(2)
    for (const address of addresses) expect(address).toMatch(/^data:(image\/png|audio\/wav);base64,/)
    expect(page).not.toMatch(/url\(|@import|https?:/)
  })
})

describe('makeAxis', () => {
  it('has round ticks within its ends, which hold all values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 20 }),
        (values) => {
          const axis = makeAxis(values)
          expect(axis.low).toBeLessThan(axis.high)
          expect(axis.ticks.length).toBeGreaterThan(1)
          for (const value of values) {
            expect(axis.position(value)).toBeGreaterThanOrEqual(-1e-6)
            expect(axis.position(value)).toBeLessThanOrEqual(1 + 1e-6)
          }
        },
      ),
      // Found at random: the smallest number there is.
      { examples: [[[-5e-324]], [[0, 5e-324]], [[1, 1 + 2 ** -52]]] },
    )
  })

  it('puts ticks at 1, 2, 2.5 or 5 times a power of ten', () => {
    expect(makeAxis([0, 7.3]).ticks).toEqual([0, 2, 4, 6, 8])
    expect(makeAxis([0.12, 0.31]).ticks).toEqual([0.1, 0.15, 0.2, 0.25, 0.3, 0.35])
    expect(makeAxis([3]).ticks).toContain(3)
  })

  it('spaces powers of ten evenly on a log axis and leaves out what has no logarithm', () => {
    const axis = makeAxis([0, -5, 0.02, 30], { scale: 'log' })
    expect(axis.ticks).toEqual([0.01, 0.1, 1, 10, 100])
    expect(axis.position(1)).toBeCloseTo(0.5, 12)
  })

  it('stands without values', () => {
    expect(makeAxis([]).ticks).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
    expect(makeAxis([Number.NaN], { scale: 'log' }).ticks).toEqual([1, 10])
  })
})

describe('formatNumber', () => {
  it.each([
    [0, '0'],
    [0.123456, '0.1235'],
    [-2.5, '−2.5'],
    [12345.6, '12,346'],
    [1e-5, '10⁻⁵'],
    [3.2e9, '3.2·10⁹'],
    [Number.NaN, 'not a number'],
    [Number.NEGATIVE_INFINITY, '−∞'],
  ])('writes %s as %s', (value, text) => expect(formatNumber(value)).toBe(text))
})

describe('lineChart', () => {
  const path = (markup: string) => /class="line"[^>]* d="([^"]*)"/.exec(markup)![1]!

  it('draws each value where the axes say', () => {
    const points = [
      { x: 0, y: 0 },
      { x: 50, y: 1 },
      { x: 100, y: 0.5 },
    ]
    // The plot spans 58 to 466 across and 12 to 228 down.
    expect(path(lineChart({ title: 't', series: [{ name: 's', points }] }).markup)).toBe(
      'M58.0 228.0L262.0 12.0L466.0 120.0',
    )
  })

  it('breaks the line at values that cannot be drawn', () => {
    const points = [1, Number.NaN, 2, Number.POSITIVE_INFINITY, 3].map((y, x) => ({ x, y }))
    expect(count(path(lineChart({ title: 't', series: [{ name: 's', points }] }).markup), 'M')).toBe(3)
    const log = lineChart({
      title: 't',
      series: [
        {
          name: 's',
          points: [
            { x: 1, y: 0 },
            { x: 2, y: 10 },
          ],
        },
      ],
      y: { scale: 'log' },
    })
    expect(path(log.markup)).toMatch(/^M[\d.]+ [\d.]+$/)
  })

  it('gives the last value of each series in its legend', () => {
    const points = [
      { x: 0, y: 4 },
      { x: 1, y: 0.25 },
    ]
    const { markup } = lineChart({
      title: 't',
      series: [
        { name: 'loss', points },
        { name: 'none', points: [] },
      ],
    })
    expect(markup).toContain('loss <b>0.25</b>')
    expect(markup).toContain('none <b>no values</b>')
  })

  it('thins a long series by means and keeps its end', () => {
    const points = Array.from({ length: 10_001 }, (_, x) => ({ x, y: x % 2 }))
    const drawn = path(
      lineChart({ title: 't', series: [{ name: 's', points: [...points, { x: 10_001, y: 0 }] }] }).markup,
    )
    expect(count(drawn, 'L')).toBeLessThanOrEqual(600)
    expect(drawn).toMatch(/L466\.0 228\.0$/)
  })

  it('smooths towards the mean of what came before', () => {
    const points = [1, 0, 0, 0].map((y, x) => ({ x, y }))
    const { markup } = lineChart({ title: 't', series: [{ name: 's', points, smoothing: 2 }] })
    // Weights 1/2, 1/4, ... from the newest back, over their sum: (1/16) / (15/16).
    expect(markup).toContain('s <b>0.06667</b>')
    expect(count(markup, 'faint')).toBe(1)
  })
})

describe('barChart', () => {
  it('draws heights in proportion, and no bar for none', () => {
    const { markup } = barChart({ title: 't', values: [0, 1, 4] })
    const heights = [...markup.matchAll(/<rect [^>]*height="([\d.]+)"/g)].map(([, height]) => Number(height))
    expect(heights).toEqual([0, 36, 144])
  })
})

describe('table', () => {
  it('sets numbers flush right and shortens them', () => {
    const { markup } = table({ columns: ['run', 'WER'], rows: [['a', 12.3456]] })
    expect(markup).toContain('<th scope="col" class="number">WER</th>')
    expect(markup).toContain('<th scope="row">a</th><td class="number">12.35</td>')
  })
})

describe('encodePng', () => {
  const palette = Uint8Array.of(0, 0, 0, 255, 0, 0, 0, 255, 0)

  it('writes chunks that a reader takes apart again', () => {
    const png = Buffer.from(encodePng({ width: 3, height: 2, pixels: Uint8Array.of(0, 1, 2, 2, 1, 0), palette }))
    expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n')
    const chunks: [string, Buffer][] = []
    for (let at = 8; at < png.length; ) {
      const length = png.readUInt32BE(at)
      chunks.push([png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + length)])
      at += 12 + length
    }
    expect(chunks.map(([name]) => name)).toEqual(['IHDR', 'PLTE', 'IDAT', 'IEND'])
    expect([...chunks[0]![1]]).toEqual([0, 0, 0, 3, 0, 0, 0, 2, 8, 3, 0, 0, 0])
    expect([...inflateSync(chunks[2]![1])]).toEqual([0, 0, 1, 2, 0, 2, 1, 0])
    // The checksum of an empty IEND, as every PNG ends.
    expect(png.subarray(-4).toString('hex')).toBe('ae426082')
  })

  it.each([
    ['too few pixels', { width: 2, height: 2, pixels: new Uint8Array(3), palette }],
    ['a colour outside the palette', { width: 1, height: 1, pixels: Uint8Array.of(3), palette }],
    ['half a colour', { width: 1, height: 1, pixels: new Uint8Array(1), palette: new Uint8Array(4) }],
  ])('refuses %s', (_, image) => expect(() => encodePng(image)).toThrow(/image|palette|pixel/))
})

describe('spectrogram', () => {
  it('transforms as the definition of the Fourier transform says', () => {
    const size = 16
    const input = Array.from({ length: size }, (_, i) => [Math.sin(i * i), Math.cos(3 * i)] as const)
    const real = Float64Array.from(input, ([re]) => re)
    const imaginary = Float64Array.from(input, ([, im]) => im)
    fft(real, imaginary)
    for (let bin = 0; bin < size; bin++) {
      let [re, im] = [0, 0]
      input.forEach(([a, b], i) => {
        const angle = (-2 * Math.PI * bin * i) / size
        re += a * Math.cos(angle) - b * Math.sin(angle)
        im += a * Math.sin(angle) + b * Math.cos(angle)
      })
      expect(real[bin]).toBeCloseTo(re, 11)
      expect(imaginary[bin]).toBeCloseTo(im, 11)
    }
  })

  it('shows a tone at its frequency and level', () => {
    const power = spectrogram(wave(1000), { sampleRate: 8000, windowSeconds: 0.032 })
    const middle = power.decibels.subarray(50 * power.bins, 51 * power.bins)
    const peak = middle.indexOf(Math.max(...middle))
    expect(peak * power.binHz).toBe(1000)
    // A sine of amplitude 0.5 is 20 log10 0.5 = -6.02 dB.
    expect(middle[peak]).toBeCloseTo(-6.02, 2)
    expect(power.frames).toBe(101)
  })

  it('keeps frequencies up to the highest asked for', () => {
    const power = spectrogram(wave(1000), { sampleRate: 8000, windowSeconds: 0.032, maxFrequency: 2000 })
    expect((power.bins - 1) * power.binHz).toBe(2000)
  })

  it('makes an image with low frequencies at the bottom, loud ones light', () => {
    const power = spectrogram(wave(250), { sampleRate: 8000 })
    const image = spectrogramImage(power)
    const column = (row: number) => image.pixels[row * image.width + 50]!
    expect(image.height).toBe(power.bins)
    expect(column(image.height - 1 - 8)).toBeGreaterThan(250)
    expect(column(0)).toBeLessThan(100)
    const palette = heatPalette()
    const light = (index: number) => palette[3 * index]! + palette[3 * index + 1]! + palette[3 * index + 2]!
    for (let index = 8; index < 256; index += 8) expect(light(index)).toBeGreaterThan(light(index - 8))
  })

  it('shows silence as dark', () => {
    expect(Math.max(...spectrogramImage(spectrogram(new Float32Array(800))).pixels)).toBe(0)
  })
})

describe('recordingCard', () => {
  it('marks what was heard as right or wrong', () => {
    const card = (hypothesis: string) =>
      recordingCard({ waveform: wave(500), sampleRate: 8000, reference: 'one', hypothesis }).markup
    expect(card('one')).toContain('<dd class="right">one</dd>')
    expect(card('nine')).toContain('<dd class="wrong">nine</dd>')
    expect(card('')).toContain('<dd class="wrong"><i>nothing</i></dd>')
  })

  it('leaves the player out when asked', () => {
    expect(recordingCard({ waveform: wave(500), sampleRate: 8000, player: false }).markup).not.toContain('<audio')
  })
})
