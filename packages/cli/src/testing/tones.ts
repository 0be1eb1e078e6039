import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HostRng } from '@babble/core'

const letters = ['a', 'b', 'c', 'd']
const sampleRate = 16_000

/** A 16-bit mono WAV file. */
const wav = (samples: Float32Array): Buffer => {
  const bytes = Buffer.alloc(44 + 2 * samples.length)
  bytes.write('RIFF', 0)
  bytes.writeUInt32LE(36 + 2 * samples.length, 4)
  bytes.write('WAVEfmt ', 8)
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(sampleRate, 24)
  bytes.writeUInt32LE(2 * sampleRate, 28)
  bytes.writeUInt16LE(2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36)
  bytes.writeUInt32LE(2 * samples.length, 40)
  samples.forEach((sample, at) => {
    bytes.writeInt16LE(Math.round(20_000 * sample), 44 + 2 * at)
  })
  return bytes
}

/** A text "spoken" as tones of 40 ms, one a letter, with a little noise. */
const speak = (text: string, seed: number): Float32Array => {
  const rng = new HostRng(seed, text)
  const tone = 640
  const waveform = new Float32Array(text.length * tone)
  ;[...text].forEach((letter, at) => {
    const frequency = 0.02 * 2 ** letters.indexOf(letter)
    for (let i = 0; i < tone; i++) {
      waveform[at * tone + i] =
        0.8 * Math.sin(Math.PI * (i / tone)) * Math.sin(2 * Math.PI * frequency * i) + 0.02 * rng.normal()
    }
  })
  return waveform
}

/**
 * Writes a corpus of tones: WAV files and a `manifest.tsv` with the columns path, text, samples and split.
 *
 * @returns the recordings' paths.
 */
export const writeTones = (folder: string, { train = 12, valid = 4, letterCount = 8 } = {}): string[] => {
  mkdirSync(folder, { recursive: true })
  const rng = new HostRng(3, 'tones')
  const rows = Array.from({ length: train + valid }, (_, index) => {
    const text = Array.from({ length: letterCount }, () => letters[rng.int(letters.length)]).join('')
    const name = `tones-${String(index).padStart(2, '0')}.wav`
    const waveform = speak(text, index)
    writeFileSync(join(folder, name), wav(waveform))
    return [name, text, waveform.length, index < train ? 'train' : 'valid'].join('\t')
  })
  writeFileSync(join(folder, 'manifest.tsv'), `${['path\ttext\tsamples\tsplit', ...rows].join('\n')}\n`)
  return rows.map((row) => join(folder, row.split('\t')[0]!))
}
