import {
  type ChartSeries,
  cards,
  errorReport,
  type MetricsRecord,
  type ReportSection,
  recordingCard,
  table,
} from '@babble/core'
import { errorRate, type Transcript } from './transcripts'

/** A share as a percentage with one digit after the point. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** A metric over a run's updates. */
export const curve = (
  history: readonly MetricsRecord[],
  kind: MetricsRecord['kind'],
  metric: string,
  scale = 1,
): ChartSeries['points'] =>
  history
    .filter((record) => record.kind === kind && record.metrics[metric] !== undefined)
    .map(({ step, metrics }) => ({ x: step, y: scale * metrics[metric]! }))

/** The axis of updates. */
export const updates = { label: 'update', min: 0 }

/** One recording of each text that was understood, then some that were not. */
const examples = (transcripts: readonly Transcript[], count: number): Transcript[] => {
  const isRight = ({ recording, hypothesis }: Transcript) => recording.text === hypothesis
  const wrong = transcripts.filter((transcript) => !isRight(transcript)).slice(0, Math.floor(count / 2))
  const seen = new Set<string>()
  const right = transcripts.filter((transcript) => {
    if (!isRight(transcript) || seen.has(transcript.recording.text)) return false
    seen.add(transcript.recording.text)
    return true
  })
  return [...right.slice(0, count - wrong.length), ...wrong]
}

/** The words that are taken for others most often, or missed: what was said, what was heard, and how often. */
const misheardWords = (transcripts: readonly Transcript[]): (readonly [string, string, number])[] => {
  const { confusions } = errorReport(
    transcripts.map(({ recording }) => recording.text),
    transcripts.map(({ hypothesis }) => hypothesis),
  )
  return confusions
    .flatMap(({ word, deletions, substitutions }) => [
      ...[...substitutions].map(([heard, count]) => [word, heard, count] as const),
      [word, '(nothing)', deletions] as const,
    ])
    .filter(([, , count]) => count > 0)
    .sort(([, , a], [, , b]) => b - a)
    .slice(0, 6)
}

/** Some recordings with what was heard in them, and what is misheard most often. */
export const recordingsSection = (
  title: string,
  transcripts: readonly Transcript[],
  sampleRate: number,
): ReportSection => {
  const { rate, substitutions, deletions, insertions, words } = errorRate(transcripts)
  const misheard = misheardWords(transcripts)
  const list = cards(
    examples(transcripts, 8).map(({ recording, hypothesis, words: heard }) =>
      recordingCard({
        waveform: recording.waveform,
        sampleRate,
        title: `${recording.speaker}, ${recording.path.split(/[\\/]/).at(-1)}`,
        reference: recording.text,
        hypothesis,
        marks: heard.map(({ word, seconds }) => ({ seconds, label: word })),
      }),
    ),
  )
  return {
    title,
    note: `Word error rate ${percent(rate)}: of ${words} words ${substitutions} taken for others, ${deletions} missed, ${insertions} added.`,
    blocks: [
      list,
      ...(misheard.length > 0
        ? [table({ caption: 'Misheard most often', columns: ['said', 'heard', 'times'], rows: misheard })]
        : []),
    ],
  }
}
