import { bytes, double, doubles, type Field, float, integer, message } from './protobuf'

/** One value of a summary: `tensorflow.Summary.Value`, encoded. */
export type SummaryValue = Uint8Array

/** What belongs to a plugin of TensorBoard: `SummaryMetadata`. */
const metadata = (plugin: string, content?: Uint8Array): Field =>
  bytes(9, message(bytes(1, message(bytes(1, plugin), content && bytes(2, content)))))

/** A number, for the Scalars tab. */
export const scalarValue = (tag: string, value: number): SummaryValue => message(bytes(1, tag), float(2, value))

/** A text (Markdown), for the Text tab. */
export const textValue = (tag: string, text: string): SummaryValue => {
  const dtString = 7
  const shape = message(bytes(2, message(integer(1, 1))))
  return message(
    bytes(1, tag),
    bytes(8, message(integer(1, dtString), bytes(2, shape), bytes(8, text))),
    metadata('text'),
  )
}

export interface AudioClip {
  /** A whole WAV file. */
  readonly wav: Uint8Array
  /** Hz. */
  readonly sampleRate: number
  readonly channels: number
  /** Samples in each channel. */
  readonly length: number
}

/** A recording, for the Audio tab. */
export const audioValue = (tag: string, { wav, sampleRate, channels, length }: AudioClip): SummaryValue =>
  message(
    bytes(1, tag),
    bytes(
      6,
      message(float(1, sampleRate), integer(2, channels), integer(3, length), bytes(4, wav), bytes(5, 'audio/wav')),
    ),
  )

/** Up to `bins` equally wide bins over the values, for the Histograms tab; values that are not finite are left out. */
export const histogramValue = (tag: string, values: ArrayLike<number>, bins = 30): SummaryValue => {
  const finite = Array.from(values).filter(Number.isFinite)
  const low = finite.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)
  const high = finite.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  const count = low < high ? bins : Math.min(1, finite.length)
  const buckets = new Array<number>(count).fill(0)
  for (const value of finite) {
    const place = low < high ? Math.floor(((value - low) / (high - low)) * bins) : 0
    buckets[Math.min(count - 1, place)]!++
  }
  const limits = buckets.map((_, index) => (index === count - 1 ? high : low + ((high - low) * (index + 1)) / bins))
  const sum = finite.reduce((total, value) => total + value, 0)
  const squares = finite.reduce((total, value) => total + value * value, 0)
  return message(
    bytes(1, tag),
    bytes(
      5,
      message(
        double(1, count === 0 ? 0 : low),
        double(2, count === 0 ? 0 : high),
        double(3, finite.length),
        double(4, sum),
        double(5, squares),
        doubles(6, limits),
        doubles(7, buckets),
      ),
    ),
  )
}

type HyperParameter = string | number | boolean

const protobufValue = (value: HyperParameter): Uint8Array => {
  if (typeof value === 'number') return message(double(2, value))
  return typeof value === 'string' ? message(bytes(3, value)) : message(integer(4, value ? 1 : 0))
}

/** The settings of a run, for the HParams tab. */
export const hyperParametersValue = (
  hyperParameters: Readonly<Record<string, HyperParameter>>,
  startSeconds: number,
): SummaryValue => {
  const entries = Object.entries(hyperParameters)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => bytes(1, message(bytes(1, name), bytes(2, protobufValue(value)))))
  const sessionStart = message(...entries, double(5, startSeconds))
  return message(bytes(1, '_hparams_/session_start_info'), metadata('hparams', message(bytes(3, sessionStart))))
}
