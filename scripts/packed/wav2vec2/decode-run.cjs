// Recordings on disk, decoded by threads: the threads' program must be found in the installed package, and let the process end.
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

exports.run = async ({ core }) => {
  const folder = mkdtempSync(join(tmpdir(), 'babble-decode-'))
  try {
    const lengths = Array.from({ length: 24 }, (_, at) => 4000 + 100 * at)
    lengths.forEach((length, at) => {
      writeFileSync(join(folder, `${at}.wav`), core.encodeWav(new Float32Array(length).fill(0.25), 8000))
    })
    const summary = await core.prepareCorpus({ source: folder, output: join(folder, 'prepared') })
    const pool = new core.DecodePool({ threads: 2 })
    if (pool.threads !== 2) throw new Error('the package lacks the program of its decoding threads')
    const dataset = core.manifestDataset(await core.readManifest(summary.splits.train.manifest), { pool })
    const waveforms = await Promise.all(lengths.map((_, index) => dataset.load(index)))
    const samples = waveforms.reduce((sum, { length }) => sum + length, 0)
    const expected = 2 * lengths.reduce((sum, length) => sum + length, 0)
    if (samples !== expected) throw new Error(`${samples} samples, not ${expected}`)
    const error = await pool.decode({ file: join(folder, 'none.wav'), sampleRate: 8000 }).catch((thrown) => thrown)
    if (!(error instanceof core.AudioError) || !error.message.includes('none.wav')) throw error
    console.log(`${dataset.length} recordings decoded in ${pool.threads} threads`)
    // The pool is left open on purpose: idle threads must not keep the process alive.
  } finally {
    rmSync(folder, { recursive: true })
  }
}
