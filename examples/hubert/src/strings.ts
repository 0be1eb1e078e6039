import { HostRng, type LabelSegment, normalizeWaveform, type Recording, resample } from '@babble/core'
import { type DigitRecording, digitWords } from '@babble/example-common'

/** Digits of one speaker, one after the other. */
export interface DigitString extends Recording {
  /** The digits as words. */
  readonly text: string
  readonly speaker: string
  /** Where each digit is, in seconds. */
  readonly segments: readonly LabelSegment[]
}

/** Loudness of the strings: unit variance would not fit into the range of samples. */
const level = 0.08

/** A take, `speed` times as fast and as high, at one loudness. */
const spoken = ({ waveform, path }: DigitRecording, speed: number): Float32Array => {
  // Rates only matter by their ratio.
  const changed = speed === 1 ? waveform : resample(waveform, Math.round(100 * speed), 100)
  return normalizeWaveform(changed, path).map((sample) => Math.max(-1, Math.min(1, level * sample)))
}

interface JoinOptions {
  readonly name: string
  readonly speed: number
  readonly sampleRate: number
  /** Cut off what is longer, in samples. */
  readonly samples?: number
}

const join = (takes: readonly DigitRecording[], { name, speed, sampleRate, samples }: JoinOptions): DigitString => {
  const parts = takes.map((take) => spoken(take, speed))
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const waveform = new Float32Array(Math.min(length, samples ?? length))
  const segments: LabelSegment[] = []
  let position = 0
  parts.forEach((part, index) => {
    const end = Math.min(position + part.length, waveform.length)
    if (end <= position) return
    waveform.set(part.subarray(0, end - position), position)
    segments.push({ start: position / sampleRate, end: end / sampleRate, label: takes[index]!.text })
    position = end
  })
  const text = segments.map(({ label }) => label).join(' ')
  return { path: name, text, speaker: takes[0]!.speaker, waveform, samples: waveform.length, segments }
}

const bySpeaker = (takes: readonly DigitRecording[]): Map<string, DigitRecording[]> => {
  const groups = new Map<string, DigitRecording[]>()
  for (const take of takes) groups.set(take.speaker, [...(groups.get(take.speaker) ?? []), take])
  return groups
}

const shuffled = <T>(items: readonly T[], rng: HostRng): T[] => {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last--) {
    const other = rng.int(last + 1)
    ;[order[last], order[other]] = [order[other]!, order[last]!]
  }
  return order
}

export interface FilledStringsOptions {
  readonly sampleRate: number
  /** Samples of each string. */
  readonly samples: number
  /** Factors of tempo and pitch: all takes are said once at each. */
  readonly speeds: readonly number[]
  readonly seed: number
}

/**
 * Strings of one length, for pre-training without padding: the takes of a speaker in a random order, one after the other; the last digit
 * of a string is cut off. As all of a string is one voice, a hidden frame is told by what is said, not by who says it.
 */
export const filledStrings = (
  takes: readonly DigitRecording[],
  { sampleRate, samples, speeds, seed }: FilledStringsOptions,
): DigitString[] => {
  const strings: DigitString[] = []
  for (const speed of speeds) {
    for (const [speaker, own] of bySpeaker(takes)) {
      let chosen: DigitRecording[] = []
      let length = 0
      for (const take of shuffled(own, new HostRng(seed, 'filled', speaker, Math.round(100 * speed)))) {
        chosen.push(take)
        length += Math.ceil(take.waveform.length / speed)
        if (length < samples) continue
        const name = `${speaker}_${Math.round(100 * speed)}_${strings.length}.wav`
        strings.push(join(chosen, { name, speed, sampleRate, samples }))
        chosen = []
        length = 0
      }
    }
  }
  return strings
}

export interface WholeStringsOptions {
  readonly sampleRate: number
  /** Most digits of a string. */
  readonly digits: number
  /** Factors of tempo and pitch: all takes are said once at each. */
  readonly speeds: readonly number[]
  readonly seed: number
}

/** Strings of whole digits of one speaker, in a random order: each take is said once at each speed. */
export const wholeStrings = (
  takes: readonly DigitRecording[],
  { sampleRate, digits, speeds, seed }: WholeStringsOptions,
): DigitString[] => {
  const strings: DigitString[] = []
  for (const speed of speeds) {
    for (const [speaker, own] of bySpeaker(takes)) {
      const order = shuffled(own, new HostRng(seed, 'whole', speaker, Math.round(100 * speed)))
      for (let start = 0; start < order.length; start += digits) {
        const name = `${speaker}_${Math.round(100 * speed)}_${strings.length}.wav`
        strings.push(join(order.slice(start, start + digits), { name, speed, sampleRate }))
      }
    }
  }
  return strings
}

/** One of `every` takes, spread evenly over speakers and digits. */
export const everyNth = (takes: readonly DigitRecording[], every: number): DigitRecording[] =>
  [...bySpeaker(takes).values()].flatMap((own) =>
    digitWords.flatMap((word) =>
      own.filter(({ text }) => text === word).filter((_, index) => index % every === Math.floor(every / 2)),
    ),
  )
