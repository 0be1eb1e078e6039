import type { SpeechDataset } from '../../data/index'
import type { RecordingCardOptions } from '../../report/index'

/** A few recordings to look at and to hear, for a run's report. */
export const recordingCards = async (data: SpeechDataset, most = 3): Promise<RecordingCardOptions[]> => {
  const cards: RecordingCardOptions[] = []
  for (let index = 0; index < Math.min(most, data.length); index++) {
    const { path, text } = data.clip(index)
    const title = path.split(/[\\/]/).at(-1)!
    const waveform = await data.load(index)
    cards.push({ waveform, sampleRate: data.sampleRate, title, ...(text === undefined ? {} : { reference: text }) })
  }
  return cards
}
