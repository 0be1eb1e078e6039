import {
  ConfigError,
  compile,
  frameCount,
  type PluginCommand,
  readAudio,
  readExtractor,
  receptiveField,
  toTensors,
} from '@babble/core'
import type * as tf from '@tensorflow/tfjs-core'
import { dispose } from '@tensorflow/tfjs-core'
import { Wav2Vec2ForPreTraining } from '../heads/pretraining'

/** exp(entropy) of a histogram: 1 when a single entry is used, their number when all are used evenly. */
export const perplexity = (counts: readonly number[]): number => {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const entropy = counts.reduce(
    (sum, count) => (count === 0 ? sum : sum - (count / total) * Math.log(count / total)),
    0,
  )
  return total === 0 ? 0 : Math.exp(entropy)
}

/** `babble wav2vec2 codebooks`: which entries of its codebooks a pre-trained model uses. */
export const codebooksCommand: PluginCommand = {
  name: 'codebooks',
  summary: 'Count which codes a pre-trained model uses: a collapsed quantiser uses few',
  options: [
    { flags: '--model <folder>', description: 'pre-trained model, or run', required: true },
    { flags: '--data <path>', description: 'manifest, or folder of a prepared corpus', required: true },
    { flags: '--recordings <number>', description: 'how many recordings are looked at', default: '100' },
  ],
  examples: ['babble wav2vec2 codebooks --model runs/tiny --data corpus'],
  async run(options, context) {
    const most = Number(options.recordings)
    if (!Number.isInteger(most) || most < 1) {
      throw new ConfigError(`--recordings is ${String(options.recordings)}.`, {
        field: 'recordings',
        cure: 'Give a whole number of at least 1.',
      })
    }
    const clips = (await context.recordings(String(options.data))).slice(0, most)
    const directory = String(options.model)
    await context.startEngine()
    const model = await Wav2Vec2ForPreTraining.fromPretrained(directory)
    const { config } = model
    const groups = config.numCodevectorGroups
    const counts = Array.from({ length: groups }, () => new Array<number>(config.numCodevectorsPerGroup).fill(0))
    const extractor = await readExtractor(directory)
    const choose = compile((inputValues: tf.Tensor) => model.forward({ inputValues }).quantized.codeIndices, {
      name: 'codebook use',
    })
    try {
      for (const [done, { path }] of clips.entries()) {
        if (context.signal?.aborted) break
        const { samples } = await readAudio(path, { sampleRate: extractor.samplingRate })
        // Padded with silence to half a second, of which no frame is counted: few programs are compiled.
        const step = extractor.samplingRate / 2
        const length = Math.ceil(Math.max(samples.length, receptiveField(config)) / step) * step
        const { inputValues } = extractor.extract([samples], { length, files: [path] })
        const input = toTensors({ inputValues }).inputValues!
        const chosen = choose(input)
        const codes = (await chosen.data()).subarray(0, groups * Math.max(0, frameCount(config, samples.length)))
        dispose([input, chosen])
        codes.forEach((code, at) => {
          counts[at % groups]![code]!++
        })
        context.progress('Recordings', done + 1, clips.length)
      }
    } finally {
      choose.dispose()
      model.dispose()
    }
    const perplexities = counts.map(perplexity)
    const used = counts.map((row) => row.filter((count) => count > 0).length)
    const text = perplexities
      .map((value, group) => {
        const entries = config.numCodevectorsPerGroup
        return `codebook ${group + 1}: ${used[group]} of ${entries} entries in use, perplexity ${value.toFixed(1)}\n`
      })
      .join('')
    return { text, json: { recordings: clips.length, perplexities, used, counts } }
  },
}
