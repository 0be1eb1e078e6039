import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DataError, decodeWav, encodeWav, HostRng, writeFileAtomic } from '@babble/core'
import { type Corpus, type CorpusProgress, type DigitClip, digitWords, type Split } from './corpus'

/** A voice of eSpeak NG that stands for a speaker. */
interface SyntheticSpeaker {
  readonly name: string
  /** Accent and voice variant. */
  readonly voice: string
  /** Middle of the pitches in use, 0 to 99. */
  readonly pitch: number
  /** Middle of the tempos in use, in words a minute. */
  readonly tempo: number
}

const seen: readonly SyntheticSpeaker[] = [
  { name: 'voice-1', voice: 'en-us+m3', pitch: 40, tempo: 150 },
  { name: 'voice-2', voice: 'en-gb+f2', pitch: 60, tempo: 165 },
  { name: 'voice-3', voice: 'en-us+m7', pitch: 30, tempo: 140 },
  { name: 'voice-4', voice: 'en-gb-scotland+m1', pitch: 45, tempo: 160 },
]
const unseen: SyntheticSpeaker = { name: 'voice-5', voice: 'en-us+m4', pitch: 50, tempo: 155 }

export interface SynthesisOptions {
  readonly directory: string
  /** Takes of each speaker. Default 12. */
  readonly takes?: number
  /** How many of them, of the seen speakers, are kept from training. Default 2. */
  readonly validTakes?: number
  readonly onProgress?: CorpusProgress
  readonly signal?: AbortSignal
}

/** What is used of the module that Emscripten makes of eSpeak NG. */
type ESpeakModule = (options: {
  arguments: string[]
  print: (line: string) => void
  printErr: (line: string) => void
  instantiateWasm: (imports: object, done: (instance: object, module: object) => void) => object
}) => Promise<{ FS: { readFile(path: string): Uint8Array } }>

/** What is used of WebAssembly, which Node's types leave to the browser's. */
const { WebAssembly: wasm } = globalThis as unknown as {
  WebAssembly: {
    compile(bytes: Uint8Array): Promise<object>
    instantiate(module: object, imports: object): Promise<object>
  }
}

/** Speaks marked-up text by eSpeak NG and gives the WAV file. */
type Speak = (voice: string, pitch: number, tempo: number, markup: string) => Promise<Uint8Array>

const loadSpeech = async (): Promise<Speak> => {
  try {
    const path = createRequire(import.meta.url).resolve('espeak-ng')
    const { default: start } = (await import(pathToFileURL(path).href)) as { default: ESpeakModule }
    // Each call starts the program afresh: compiling it once saves most of the time.
    const module = await wasm.compile(await readFile(join(dirname(path), 'espeak-ng.wasm')))
    return async (voice, pitch, tempo, markup) => {
      const errors: string[] = []
      const program = await start({
        arguments: ['-m', '-w', 'speech.wav', '-v', voice, '-p', String(pitch), '-s', String(tempo), markup],
        print: () => {},
        printErr: (line) => errors.push(line),
        instantiateWasm: (imports, done) => {
          wasm.instantiate(module, imports).then((instance) => done(instance, module))
          return {}
        },
      })
      try {
        return program.FS.readFile('speech.wav')
      } catch (cause) {
        throw new DataError(`eSpeak NG did not speak: ${errors.join(' ')}`, { cause })
      }
    }
  } catch (cause) {
    throw new DataError('the speech synthesiser espeak-ng cannot be loaded.', {
      cause,
      cure: 'Run "npm ci", or give --data.',
    })
  }
}

/**
 * Cuts speech at its silences.
 *
 * @param pause Seconds of silence that end a part.
 * @param margin Seconds of silence that each part keeps at its ends.
 */
export const splitAtSilence = (
  samples: Float32Array,
  sampleRate: number,
  pause: number,
  margin: number,
): Float32Array[] => {
  const threshold = 2e-3
  const longest = pause * sampleRate
  const keep = Math.round(margin * sampleRate)
  const parts: Float32Array[] = []
  let start = -1
  let end = -1
  const close = () => {
    if (start >= 0) parts.push(samples.slice(Math.max(0, start - keep), Math.min(samples.length, end + 1 + keep)))
    start = -1
  }
  samples.forEach((sample, index) => {
    if (Math.abs(sample) <= threshold) return
    if (start >= 0 && index - end > longest) close()
    if (start < 0) start = index
    end = index
  })
  close()
  return parts
}

const markup = digitWords.join('<break time="400ms"/>')

/** Ten digits in one voice. */
const speakDigits = async (
  speak: Speak,
  speaker: SyntheticSpeaker,
  rng: HostRng,
): Promise<{ parts: Float32Array[]; sampleRate: number }> => {
  const pitch = Math.round(speaker.pitch + 24 * (rng.uniform() - 0.5))
  const tempo = Math.round(speaker.tempo * (0.85 + 0.3 * rng.uniform()))
  const { samples, sampleRate } = decodeWav(await speak(speaker.voice, pitch, tempo, markup), 'speech.wav')
  const parts = splitAtSilence(samples, sampleRate, 0.3, 0.04)
  if (parts.length !== digitWords.length) {
    throw new DataError(`eSpeak NG was to speak ${digitWords.length} words, and ${parts.length} are heard.`, {
      field: speaker.voice,
    })
  }
  // A room and a microphone: a level, and noise.
  const level = 10 ** (-1.2 * rng.uniform())
  const noise = 10 ** (-(25 + 20 * rng.uniform()) / 20) * 0.1
  return { sampleRate, parts: parts.map((part) => part.map((sample) => level * (sample + noise * rng.normal()))) }
}

/**
 * Spoken digits by eSpeak NG, in four voices that training hears and a fifth that it does not, each take at another pitch, tempo,
 * level and noise. Synthesised once, then kept in `directory`.
 *
 * @throws DataError when the synthesiser cannot be used.
 */
export const synthesisedCorpus = async (options: SynthesisOptions): Promise<Corpus> => {
  const { directory, takes = 12, validTakes = 2, onProgress, signal } = options
  const clips: DigitClip[] = []
  const speakers = [...seen, unseen]
  const stamp = join(directory, 'complete.json')
  const wanted = JSON.stringify({ speakers, takes, validTakes, version: 1 })
  const complete = await readFile(stamp, 'utf8').catch(() => '')
  const speak = complete === wanted ? undefined : await loadSpeech()
  let done = 0
  for (const speaker of speakers) {
    if (speak) await mkdir(join(directory, speaker.name), { recursive: true })
    for (let take = 0; take < takes; take++) {
      signal?.throwIfAborted()
      const split: Split = speaker === unseen ? 'test' : take < validTakes ? 'valid' : 'train'
      const paths = digitWords.map((word) =>
        join(directory, speaker.name, `${word}_${String(take).padStart(2, '0')}.wav`),
      )
      if (speak) {
        const { parts, sampleRate } = await speakDigits(speak, speaker, new HostRng(0, 'synthesis', speaker.name, take))
        for (const [index, path] of paths.entries()) await writeFile(path, encodeWav(parts[index]!, sampleRate))
        onProgress?.('Synthesising speech', ++done, speakers.length * takes)
      }
      paths.forEach((path, index) => {
        clips.push({ path, text: digitWords[index]!, speaker: speaker.name, split })
      })
    }
  }
  if (speak) await writeFileAtomic(stamp, wanted)
  return { clips, source: 'speech synthesised by eSpeak NG in five voices', synthetic: true }
}
