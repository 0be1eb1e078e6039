// From recordings to error rates, as a user types it; in this process, with the engine at hand.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSafetensors, trainNgram, writeArpa } from '@babble/core'
import { enginesUnderTest } from '@babble/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { runCommand } from './testing/run-command'
import { writeTones } from './testing/tones'

/** Two training steps are compiled, which takes a busy machine a while. */
const patience = 300_000
// wasm has no gradients of convolutions.
const engine = enginesUnderTest().includes('xla') ? 'xla' : 'cpu'

const pretraining = `
size: tiny
maxSteps: 6
logEvery: 2
checkpointEvery: 2
data: { batchSamples: 41000, multipleOf: 4, buckets: 1 }
config:
  hiddenSize: 32
  numHiddenLayers: 1
  intermediateSize: 64
  convDim: [16, 16, 16]
  convKernel: [10, 8, 8]
  convStride: [5, 8, 8]
  numConvPosEmbeddings: 8
  numNegatives: 5
  maskTimeLength: 2
`
const finetuning = `
size: tiny
maxSteps: 6
evaluateEvery: 3
data: { batchSamples: 41000, multipleOf: 4, buckets: 1 }
`

describe(`a model's life, on ${engine}`, () => {
  let cwd: string
  let recordings: string[]
  const babble = (line: string) => runCommand(line.split(' '), { cwd })
  const json = async (line: string) => {
    const { code, out, err } = await babble(`${line} --json --quiet --engine ${engine}`)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    return JSON.parse(out)
  }
  const at = (...parts: string[]) => join(cwd, ...parts)
  const pretrain = 'pretrain wav2vec2 --data corpus --recipe pretrain.yaml --out runs/pre'

  beforeAll(() => {
    cwd = mkdtempSync(join(tmpdir(), 'babble-cli-'))
    recordings = writeTones(at('corpus'))
    writeFileSync(at('pretrain.yaml'), pretraining)
    writeFileSync(at('finetune.yaml'), finetuning)
  })
  afterAll(() => rmSync(cwd, { recursive: true, force: true }))

  it(
    'pre-trains, and is interrupted',
    async () => {
      const controller = new AbortController()
      const { code, out } = await runCommand(`${pretrain} --engine ${engine} --json`.split(' '), {
        cwd,
        signal: controller.signal,
        // The first line of progress comes after the first update.
        onErr: (text) => text.startsWith('step') && controller.abort('SIGINT'),
      })
      expect(code).toBe(130)
      const { status, step } = JSON.parse(out)
      expect(status).toBe('interrupted')
      expect(step).toBeGreaterThanOrEqual(1)
      expect(step).toBeLessThan(6)
      expect(existsSync(at('runs/pre', `checkpoint-${step}`, 'COMMIT'))).toBe(true)
      expect(existsSync(at('runs/pre/model'))).toBe(false)
      expect(parse(readFileSync(at('runs/pre/recipe.yaml'), 'utf8'))).toMatchObject({ model: 'wav2vec2', maxSteps: 6 })
    },
    patience,
  )

  it('goes on, and leaves the model, the log, the recipe and a report', async () => {
    const outcome = await json(pretrain)
    expect(outcome).toMatchObject({ status: 'completed', step: 6, skippedSteps: 0, run: at('runs/pre') })
    expect(outcome.training.loss).toBeGreaterThan(0)
    // Held-out recordings were there, and evaluated.
    expect(outcome.evaluation.contrastiveLoss).toBeGreaterThan(0)
    expect(readdirSync(at('runs/pre/model')).sort()).toEqual(
      ['COMMIT', 'config.json', 'model.safetensors', 'preprocessor_config.json'].sort(),
    )
    expect(readFileSync(at('runs/pre/report.html'), 'utf8')).toContain('wav2vec 2.0: pre-training')
    expect(JSON.parse(readFileSync(at('runs/pre/run.json'), 'utf8'))).toMatchObject({
      identity: { model: 'wav2vec2', task: 'pretrain', data: { recordings: 12 }, recipe: { maxSteps: 6 } },
    })
  })

  it('trains the same model in one go', async () => {
    await json(pretrain.replace('runs/pre', 'runs/again'))
    const weights = async (run: string) => (await readSafetensors(at(run, 'model/model.safetensors'))).tensors
    const [first, second] = [await weights('runs/pre'), await weights('runs/again')]
    expect([...second.keys()]).toEqual([...first.keys()])
    for (const [name, { data }] of first) expect(second.get(name)!.data).toEqual(data)
  })

  it('does not mix runs: another recipe needs another folder, or --fresh', async () => {
    const { code, err } = await babble(`${pretrain} --engine ${engine} --seed 2`)
    expect(code).toBe(2)
    expect(err).toBe(
      `babble: ${at('runs/pre')}: the folder holds another run:\n  seed was 1, and is 2 now\n Give the same recipe and data, name another folder with --out, or start anew with --fresh.\n`,
    )
    expect(await json(`${pretrain} --seed 2 --fresh`)).toMatchObject({ status: 'completed' })
    expect(existsSync(at('runs/pre.1/model/model.safetensors'))).toBe(true)
  })

  it(
    'fine-tunes the run, with a vocabulary of its transcripts',
    async () => {
      const outcome = await json('finetune wav2vec2 --from runs/pre --data corpus --recipe finetune.yaml --out runs/ft')
      expect(outcome).toMatchObject({ status: 'completed', step: 6 })
      expect(outcome.evaluation.wordErrorRate).toBeGreaterThan(0)
      expect(JSON.parse(readFileSync(at('runs/ft/model/vocab.json'), 'utf8'))).toEqual({
        '<pad>': 0,
        '<unk>': 1,
        '|': 2,
        a: 3,
        b: 4,
        c: 5,
        d: 6,
      })
      // The one that did best in the evaluation is kept beside the last.
      expect(existsSync(at('runs/ft/best/vocab.json'))).toBe(true)
    },
    patience,
  )

  it('transcribes, with times and log probabilities', async () => {
    const { results } = await json(`transcribe ${recordings[0]} corpus/tones-01.wav --model runs/ft`)
    expect(results.map(({ file }: { file: string }) => file)).toEqual([recordings[0], 'corpus/tones-01.wav'])
    for (const { text, score, words } of results) {
      expect(words.map(({ word }: { word: string }) => word).join(' ')).toBe(text)
      expect(score).toBeLessThan(0)
      // Eight tones of 40 ms are 0.32 s.
      for (const { start, end } of words) expect(0 <= start && start < end && end <= 0.32).toBe(true)
    }
  })

  it('prints texts alone, and goes on after a file that cannot be read', async () => {
    const { results } = await json('transcribe corpus/tones-00.wav --model runs/ft/model')
    const one = await babble(`transcribe corpus/tones-00.wav --model runs/ft/model --quiet --engine ${engine}`)
    expect(one).toEqual({ code: 0, out: `${results[0].text}\n`, err: '' })
    const two = await babble(`transcribe none.wav corpus/tones-00.wav --model runs/ft/model --quiet --engine ${engine}`)
    expect(two).toEqual({
      code: 1,
      out: `corpus/tones-00.wav\t${results[0].text}\n`,
      err: `${at('none.wav')}: There is no such file. Check the path.\n`,
    })
  })

  it('searches with a lexicon, a language model and hot words', async () => {
    const texts = readFileSync(at('corpus/manifest.tsv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => row.split('\t')[1]!)
    writeFileSync(at('words.txt'), `${texts.join('\n')}\n`)
    await writeArpa(at('words.arpa'), trainNgram(texts, { order: 1 }))
    const search = (options: string) =>
      json(`transcribe corpus/tones-00.wav corpus/tones-01.wav --model runs/ft ${options}`)
    const beam = await search('--beam 50 --alternatives 3')
    for (const { text, score, alternatives } of beam.results) {
      expect(alternatives).toHaveLength(2)
      for (const other of alternatives) {
        expect(other.score).toBeLessThanOrEqual(score)
        expect(other.text).not.toBe(text)
      }
    }
    const known = await search('--lexicon words.txt')
    for (const { words } of known.results) {
      expect(words.length).toBeGreaterThan(0)
      for (const { word, start, end } of words) {
        expect(texts).toContain(word)
        expect(0 <= start && start < end && end <= 0.32).toBe(true)
      }
    }
    // A word that is known and wanted above all is what is heard.
    const hot = await search(`--lexicon words.txt --hot-words ${texts[5]} --hot-word-weight 1000 --lm words.arpa`)
    for (const { text } of hot.results) expect(text.split(' ')).toContain(texts[5])
    const { code, err } = await babble(
      `transcribe corpus/tones-00.wav --model runs/ft --lm-weight 2 --quiet --engine ${engine}`,
    )
    expect({ code, err }).toEqual({
      code: 2,
      err: 'babble: a weight is given, but no language model. Name its ARPA file.\n',
    })
  })

  it('evaluates: error rates, and the worst recordings', async () => {
    const { words, characters, utterances } = await json('evaluate --model runs/ft --data corpus --split valid')
    expect(words.words).toBe(4)
    expect(characters.characters).toBe(32)
    expect(utterances).toHaveLength(4)
    const { code, out } = await babble(
      `evaluate --model runs/ft --data corpus --split valid --worst 2 --quiet --engine ${engine}`,
    )
    expect(code).toBe(0)
    expect(out).toContain(`WER ${(100 * words.rate).toFixed(2)} %`)
    expect(out.match(/^ {2}said {3}\w{8}$/gm)).toHaveLength(2)
  })

  it("dumps a model's layer and front ends, and clusters them", async () => {
    const layer = await json(
      'features model --model runs/pre --layer 1 --data corpus --split train --out features/layer',
    )
    // 8 tones of 640 samples: 15 frames a recording, 320 samples apart.
    expect(layer).toMatchObject({ source: 'wav2vec2 layer 1', utterances: 12, frames: 12 * 15, dim: 32, frameRate: 50 })
    expect(layer.file).toBe(at('features/layer/train_0_1.npy'))
    const mfcc = await json('features hubert-mfcc --data corpus --split train --out features/mfcc')
    expect(mfcc).toMatchObject({ utterances: 12, dim: 39, frameRate: 100 })
    const trained = await json(
      'cluster train features/mfcc/train_0_1 --clusters 8 --algorithm lloyd --passes 20 --out mfcc8.safetensors',
    )
    expect(trained).toMatchObject({ clusters: 8, dim: 39, frames: mfcc.frames, empty: 0 })
    const applied = await json('cluster apply features/mfcc/train_0_1 --codebook mfcc8.safetensors --out train.km')
    expect(applied).toMatchObject({ utterances: 12, frames: mfcc.frames })
    const lines = readFileSync(at('train.km'), 'utf8').trim().split('\n')
    expect(lines.map((line) => line.split(' ').length)).toEqual(new Array(12).fill(mfcc.frames / 12))
    // The tone of each frame: 40 ms are 4 frames of 10 ms.
    const tones = readFileSync(at('corpus/manifest.tsv'), 'utf8').split('\n').slice(1, 13)
    const reference = tones.map((row) => [...row.split('\t')[1]!].flatMap((tone) => [tone, tone, tone, tone]).join(' '))
    writeFileSync(at('tones.txt'), `${reference.join('\n')}\n`)
    const { out } = await babble('cluster quality train.km --reference tones.txt --rate 100 --json')
    const quality = JSON.parse(out)
    expect(quality).toMatchObject({ units: 4, clusters: 8 })
    // Four tones are told apart far better than by chance, even with frames between two of them.
    expect(quality.purity).toBeGreaterThan(0.8)
    const part = await json(
      'features fbank --data corpus --split train --part 1/3 --set melBins=23 --out features/fbank',
    )
    expect(part).toMatchObject({ utterances: 4, dim: 23, file: at('features/fbank/train_1_3.npy') })
    const wrong = await babble('features fbank --data corpus --out x --set melBin=23')
    expect(wrong.code).toBe(2)
    expect(wrong.err).toContain('melBin')
  })

  it("runs a package's own command", async () => {
    const { perplexities, counts, recordings } = await json('wav2vec2 codebooks --model runs/pre --data corpus')
    expect(recordings).toBe(16)
    // 16 recordings of 15 frames, in each of two codebooks.
    const sums = counts.map((row: number[]) => row.reduce((sum, count) => sum + count, 0))
    expect(sums).toEqual([16 * 15, 16 * 15])
    for (const value of perplexities) expect(value).toBeGreaterThanOrEqual(1)
  })

  it('says what is wrong with the data or the model', async () => {
    const said = async (line: string) => {
      const { code, err } = await babble(`${line} --engine ${engine}`)
      return `${code} ${err.replaceAll(`${cwd}/`, '')}`
    }
    expect(await said('pretrain wav2vec2 --size tiny')).toBe(
      '2 babble: there is nothing to train on. Name a corpus with --data.\n',
    )
    expect(await said('finetune wav2vec2 --size tiny --data corpus')).toBe(
      '2 babble: there is no model to start from. Name a pre-trained model or run with --from.\n',
    )
    expect(await said('pretrain wav2vec2 --size tiny --data nowhere')).toBe(
      '1 babble: nowhere: there is no such file or folder. Check the path.\n',
    )
    expect(await said('pretrain wav2vec2 --size tiny --data corpus --split test')).toBe(
      '1 babble: corpus/manifest.tsv: no recording is of the part "test". There are train, valid: name one with --split.\n',
    )
    expect(await said('pretrain wav2vec2 --size tiny --data runs')).toBe(
      '1 babble: runs: the folder holds no train.jsonl, train.tsv or manifest.tsv. Make manifests with "babble prepare", or name a manifest file.\n',
    )
    expect(await said('transcribe corpus/tones-00.wav --model corpus')).toBe(
      '1 babble: corpus: this is no model, and no run with one. Name a folder with config.json and model.safetensors, or the folder of a run.\n',
    )
    expect(await said('transcribe corpus/tones-00.wav --model runs/pre')).toBe(
      '1 babble: runs/pre/model: it holds no vocab.json. A model that was not fine-tuned with CTC has no vocabulary: make one with CtcTokenizer.fromTexts.\n',
    )
  })
})
