import { appendFile, mkdir, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { audioInfo } from '../../audio/index'

/** What is known of a file after a look at its header. */
export interface Probed {
  /** Samples of each channel, and their rate in Hz. */
  readonly frames: number
  readonly sampleRate: number
  /** Frames of the video that belongs to it. */
  readonly videoFrames?: number
}

/**
 * Remembers, line by line, what files are known to hold, so that a run that was interrupted need not look at them again. A file that has
 * changed since is looked at again.
 */
export class ProbeJournal {
  readonly #file: string
  readonly #known = new Map<string, Probed & { stamp: string }>()
  #lines: string[] = []

  private constructor(file: string) {
    this.#file = file
  }

  static async open(file: string): Promise<ProbeJournal> {
    const journal = new ProbeJournal(file)
    await mkdir(dirname(file), { recursive: true })
    const text = await readFile(file, 'utf8').catch(() => '')
    for (const line of text.split('\n')) {
      // The last line of a run that was killed may be half a line.
      try {
        const [path, stamp, frames, sampleRate, videoFrames] = JSON.parse(line) as [
          string,
          string,
          number,
          number,
          number?,
        ]
        if (!(frames > 0 && sampleRate > 0)) continue
        journal.#known.set(path, { stamp, frames, sampleRate, ...(videoFrames ? { videoFrames } : {}) })
      } catch {}
    }
    // What follows must not be written on to half a line.
    if (text !== '' && !text.endsWith('\n')) journal.#lines.push('')
    return journal
  }

  /**
   * Length and rate of a file, from the journal or its header.
   *
   * @param videoFrames Counts the frames of the video that belongs to it.
   * @throws AudioError naming the file.
   */
  async probe(file: string, videoFrames?: () => Promise<number | undefined>): Promise<Probed> {
    const info = await stat(file).catch(() => undefined)
    const stamp = info ? `${info.size} ${info.mtimeMs}` : ''
    const known = this.#known.get(file)
    if (known && known.stamp === stamp && (!videoFrames || known.videoFrames)) return known
    const { frames, sampleRate } = await audioInfo(file)
    const counted = await videoFrames?.()
    this.#lines.push(JSON.stringify([file, stamp, frames, sampleRate, counted]))
    if (this.#lines.length >= 200) await this.flush()
    return { frames, sampleRate, ...(counted ? { videoFrames: counted } : {}) }
  }

  async flush(): Promise<void> {
    const lines = this.#lines
    this.#lines = []
    if (lines.length > 0) await appendFile(this.#file, `${lines.join('\n')}\n`)
  }

  /** Everything is written elsewhere. */
  async remove(): Promise<void> {
    await rm(this.#file, { force: true })
  }
}
