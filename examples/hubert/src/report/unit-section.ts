import { type FinishedStage, openFrameLabels, type ReportSection } from '@babble/core'
import { type ClustersResult, countUnits } from '../clusters'
import { heldOut, type Strings } from '../corpus'
import { sideBySide } from './side-by-side'
import { digitLegend, meaningsOf, type UnitRow, unitCard } from './unit-card'

/** Recordings shown of each part. */
const shown = 3

/** Some held-out strings with the units of each kind of clusters. */
export const unitSection = async (
  strings: Strings,
  kinds: readonly { readonly name: string; readonly clusters: FinishedStage<ClustersResult> }[],
): Promise<ReportSection> => {
  const meanings = await Promise.all(
    kinds.map(async ({ clusters }) => meaningsOf(await countUnits(strings, clusters, 'train'))),
  )
  const cards = []
  for (const part of heldOut) {
    const recordings = await strings.recordings(part)
    const alignments = await strings.alignments(part)
    const labels = await Promise.all(kinds.map(({ clusters }) => openFrameLabels(clusters.file(`${part}.km`))))
    try {
      // Spread over the speakers.
      const step = Math.max(1, Math.floor(recordings.length / shown))
      for (let index = 0; index < recordings.length && index < shown * step; index += step) {
        const { waveform, path, speaker } = recordings[index]!
        const rows = kinds.map(
          async ({ name, clusters }, kind): Promise<UnitRow> => ({
            name,
            units: await labels[kind]!.read(index),
            rate: clusters.result.labelRate,
            meanings: meanings[kind]!,
          }),
        )
        cards.push(
          unitCard({
            title: `${speaker}${part === 'test' ? ', not heard in training' : ', takes held out'}: ${path.split(/[\\/]/).at(-1)}`,
            waveform,
            sampleRate: strings.sampleRate,
            segments: (await alignments.segments(path)) ?? [],
            rows: await Promise.all(rows),
          }),
        )
      }
    } finally {
      for (const own of labels) await own.close()
    }
  }
  return {
    title: 'Units over time',
    note: 'Each unit has the colour of the digit that it mostly stands for in training, and is the fainter the more it stands for others too. Point at one to see its number.',
    blocks: [digitLegend(), sideBySide(cards)],
  }
}
