import {
  collapseUnits,
  encodePng,
  encodeWav,
  type Html,
  html,
  type LabelSegment,
  rawHtml,
  spectrogram,
  spectrogramImage,
} from '@babble/core'
import { digitWords } from '@babble/example-common'

/** What a cluster mostly stands for, and which share of its frames that is. */
export interface Meaning {
  readonly digit: string
  readonly purity: number
}

/** Units of a recording, one after the other. */
export interface UnitRow {
  readonly name: string
  readonly units: ArrayLike<number>
  /** Units a second. */
  readonly rate: number
  /** Of each cluster. */
  readonly meanings: ReadonlyMap<number, Meaning>
}

export interface UnitCardOptions {
  readonly title: string
  readonly waveform: Float32Array
  readonly sampleRate: number
  /** Where the digits are. */
  readonly segments: readonly LabelSegment[]
  readonly rows: readonly UnitRow[]
}

const margin = 88
const plotWidth = 560
const pictureHeight = 96
const rowHeight = 20
const gap = 4

/** A colour for each digit, which its clusters share. */
const colourOf = (digit: string): string => {
  const index = (digitWords as readonly string[]).indexOf(digit)
  // Neighbours in value lie far apart in hue.
  return `hsl(${((index * 3) % digitWords.length) * 36} 65% 52%)`
}

/** What each cluster mostly stands for, out of frames whose digit is known. */
export const meaningsOf = (counts: ReadonlyMap<number, ReadonlyMap<string, number>>): Map<number, Meaning> =>
  new Map(
    [...counts].map(([cluster, digits]) => {
      const total = [...digits.values()].reduce((sum, count) => sum + count, 0)
      const [digit, count] = [...digits].reduce((best, next) => (next[1] > best[1] ? next : best))
      return [cluster, { digit, purity: count / total }]
    }),
  )

/**
 * A recording's spectrogram over its units in time. A unit has the colour of the digit that it mostly stands for in training, the
 * fainter the more it stands for others too.
 */
export const unitCard = ({ title, waveform, sampleRate, segments, rows }: UnitCardOptions): Html => {
  const seconds = waveform.length / sampleRate
  const left = (time: number) => (margin + (plotWidth * time) / seconds).toFixed(1)
  const wide = (time: number) => ((plotWidth * time) / seconds).toFixed(1)
  const uri = (type: string, bytes: Uint8Array) => `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
  const image = uri('image/png', encodePng(spectrogramImage(spectrogram(waveform, { sampleRate }))))
  const height = pictureHeight + (rows.length + 1) * (rowHeight + gap)
  const rowTop = (index: number) => pictureHeight + gap + index * (rowHeight + gap)
  const rowName = (name: string, index: number) =>
    html`<text class="tick" x="${margin - 7}" y="${rowTop(index) + rowHeight / 2}" dy="0.35em" text-anchor="end">${name}</text>`
  const said = segments.map(
    ({ start, end, label }) =>
      html`<rect x="${left(start)}" y="${rowTop(0)}" width="${wide(end - start)}" height="${rowHeight}" fill="${colourOf(label)}" stroke="var(--panel)"/><text x="${left((start + end) / 2)}" y="${rowTop(0) + rowHeight / 2}" dy="0.35em" text-anchor="middle" fill="#fff">${label}</text>`,
  )
  const strips = rows.map(({ name, units, rate, meanings }, index) => {
    const runs = collapseUnits(units)
    let frame = 0
    const parts = Array.from(runs.units, (unit, at) => {
      const start = frame / rate
      frame += runs.durations[at]!
      const meaning = meanings.get(unit)
      const about = meaning ? `mostly "${meaning.digit}" (${Math.round(100 * meaning.purity)} %)` : 'not in training'
      return html`<rect x="${left(start)}" y="${rowTop(index + 1)}" width="${wide(frame / rate - start)}" height="${rowHeight}" fill="${meaning ? colourOf(meaning.digit) : 'var(--line)'}" fill-opacity="${(meaning?.purity ?? 1).toFixed(2)}" stroke="var(--panel)" stroke-width="0.5"><title>unit ${unit}, ${about}</title></rect>`
    })
    return html`${rowName(name, index + 1)}${parts}`
  })
  return html`<figure class="chart"><figcaption>${title}</figcaption><svg viewBox="0 0 ${margin + plotWidth + 4} ${height}" role="img" aria-label="Spectrogram and units of ${title}"><image href="${image}" x="${margin}" y="0" width="${plotWidth}" height="${pictureHeight}" preserveAspectRatio="none"/>${rowName('said', 0)}${said}${strips}</svg><audio controls preload="none" src="${uri('audio/wav', encodeWav(waveform, sampleRate))}"></audio></figure>`
}

/** The colours of the digits. */
export const digitLegend = (): Html =>
  html`<ul class="legend">${digitWords.map((word) => html`<li><span class="key" ${rawHtml(`style="background: ${colourOf(word)}; height: 10px"`)}></span>${word}</li>`)}</ul>`
