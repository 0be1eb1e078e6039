import { encodeWav } from '../audio/index'
import { type Html, html } from './html'
import { encodePng } from './png'
import { spectrogram, spectrogramImage } from './spectrogram'

export interface RecordingCardOptions {
  /** Mono, about [-1, 1]. */
  readonly waveform: Float32Array
  /** Hz. */
  readonly sampleRate: number
  readonly title?: string
  /** What was said. */
  readonly reference?: string
  /** What was recognised. */
  readonly hypothesis?: string
  /** Highest frequency shown, in Hz. Default: half the sample rate. */
  readonly maxFrequency?: number
  /** Where units were heard, in seconds, drawn over the spectrogram. */
  readonly marks?: readonly { readonly seconds: number; readonly label: string }[]
  /** Put the recording itself into the page, to be played. Default true. */
  readonly player?: boolean
}

const dataUri = (type: string, bytes: Uint8Array): string =>
  `data:${type};base64,${Buffer.from(bytes).toString('base64')}`

/** Brings the loudest sample to 0.9, so that quiet recordings can be heard. */
const audible = (waveform: Float32Array): Float32Array => {
  const peak = waveform.reduce((most, sample) => (Number.isFinite(sample) ? Math.max(most, Math.abs(sample)) : most), 0)
  return peak === 0 ? waveform : waveform.map((sample) => (Number.isFinite(sample) ? (0.9 * sample) / peak : 0))
}

/** A recording's spectrogram, with what was said and what was recognised, and a player. */
export const recordingCard = (options: RecordingCardOptions): Html => {
  const {
    waveform,
    sampleRate,
    title,
    reference,
    hypothesis,
    maxFrequency = sampleRate / 2,
    marks = [],
    player = true,
  } = options
  const power = spectrogram(waveform, { sampleRate, maxFrequency })
  const image = dataUri('image/png', encodePng(spectrogramImage(power)))
  const words = (text: string) => (text === '' ? html`<i>nothing</i>` : text)
  const right = reference !== undefined && reference === hypothesis
  const verdict =
    reference === undefined || hypothesis === undefined ? null : right ? html` class="right"` : html` class="wrong"`
  const labels = marks.map(
    ({ seconds, label }) =>
      html`<span class="mark" style="left: ${(power.seconds > 0 ? Math.min(100, Math.max(0, (100 * seconds) / power.seconds)) : 0).toFixed(1)}%">${label}</span>`,
  )
  return html`<figure class="recording">${title === undefined ? null : html`<figcaption>${title}</figcaption>`}<div class="picture"><img src="${image}" alt="Spectrogram, 0 to ${(maxFrequency / 1000).toFixed(1)} kHz, ${power.seconds.toFixed(2)} s">${labels}</div><dl>${
    reference === undefined ? null : html`<dt>said</dt><dd>${words(reference)}</dd>`
  }${hypothesis === undefined ? null : html`<dt>heard</dt><dd${verdict}>${words(hypothesis)}</dd>`}</dl>${
    player
      ? html`<audio controls preload="none" src="${dataUri('audio/wav', encodeWav(audible(waveform), sampleRate))}"></audio>`
      : null
  }</figure>`
}
