// HuBERT from recordings to text and to units, as a user types it; in this process, with the engine at hand.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enginesUnderTest } from '@babble/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { runCommand } from './testing/run-command'
import { writeTones } from './testing/tones'

/** Training steps are compiled, which takes a busy machine a while. */
const patience = 300_000
// wasm has no gradients of convolutions.
const engine = enginesUnderTest().includes('xla') ? 'xla' : 'cpu'

const pretraining = `
size: tiny
maxSteps: 4
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
  finalDim: 16
  maskTimeLength: 2
`
const finetuning = `
size: tiny
maxSteps: 4
data: { batchSamples: 41000, multipleOf: 4, buckets: 1 }
`
const stages = ['mfcc', 'clusters', 'labels', 'quality', 'model'].map((name) => `1-${name}`)
for (const name of ['features', 'clusters', 'labels', 'quality']) stages.push(`2-${name}`, `3-${name}`)
stages.push('2-model')

let cwd: string
const at = (...parts: string[]) => join(cwd, ...parts)
const lines = (...parts: string[]) =>
  readFileSync(at(...parts), 'utf8')
    .trimEnd()
    .split('\n')
const babble = (line: string) => runCommand(line.split(' '), { cwd })
const json = async (line: string) => {
  const { code, out, err } = await babble(`${line} --json --quiet --engine ${engine}`)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return JSON.parse(out)
}
/** What a command says that fails. */
const said = async (line: string) => {
  const { code, err } = await babble(`${line} --engine ${engine} --quiet`)
  return `${code} ${err.replaceAll(`${cwd}/`, '')}`
}
/** Runs a command until it says something, and interrupts it. */
const interrupted = async (line: string, words: string) => {
  const controller = new AbortController()
  const { code } = await runCommand(`${line} --engine ${engine}`.split(' '), {
    cwd,
    signal: controller.signal,
    onErr: (text) => text.includes(words) && controller.abort('SIGINT'),
  })
  return code
}

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'babble-hubert-'))
  writeTones(at('corpus'))
  // The tone of each 40 ms, as an alignment.
  const rows = lines('corpus/manifest.tsv').slice(1)
  const segments = rows.flatMap((row) => {
    const [path, text] = row.split('\t')
    return [...text!].map((tone, place) => [path, place * 0.04, (place + 1) * 0.04, tone].join('\t'))
  })
  writeFileSync(at('tones.tsv'), ['path\tstart\tend\tlabel', ...segments, ''].join('\n'))
  writeFileSync(at('pretrain.yaml'), pretraining)
  writeFileSync(at('finetune.yaml'), finetuning)
})
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

describe(`HuBERT's recipe, on ${engine}`, () => {
  const recipe = 'hubert recipe --data corpus --recipe pretrain.yaml --clusters 8,6 --alignments tones.tsv --out'

  it(
    'is interrupted while it trains, and while it clusters',
    async () => {
      // The first line of progress comes after the first update.
      expect(await interrupted(`${recipe} cut`, 'step 1/')).toBe(130)
      expect(existsSync(at('cut/1-labels/stage.json'))).toBe(true)
      expect(existsSync(at('cut/1-model/stage.json'))).toBe(false)
      expect(readdirSync(at('cut/1-model')).some((name) => name.startsWith('checkpoint-'))).toBe(true)
      expect(await interrupted(`${recipe} cut`, '2-clusters')).toBe(130)
      expect(existsSync(at('cut/1-model/stage.json'))).toBe(true)
      expect(existsSync(at('cut/2-clusters/stage.json'))).toBe(false)
    },
    patience,
  )

  it(
    'goes on, stage by stage, to the same models and labels as in one go',
    async () => {
      const before = readFileSync(at('cut/1-model/stage.json'), 'utf8')
      const { code, err } = await babble(`${recipe} cut --engine ${engine}`)
      expect(code).toBe(0)
      expect(err).toMatch(/^Labels: done before, in .* \(1-labels\)\.$/m)
      expect(err).toMatch(/^Iteration 1: done before, in .* \(1-model\)\.$/m)
      expect(err).toMatch(/^6 clusters: begins \(2-clusters\)\.$/m)
      expect(readFileSync(at('cut/1-model/stage.json'), 'utf8')).toBe(before)
      await json(`${recipe} whole`)
      for (const file of ['1-model/model/model.safetensors', '2-model/model/model.safetensors', '3-labels/train.km']) {
        expect(readFileSync(at('cut', file)).equals(readFileSync(at('whole', file)))).toBe(true)
      }
    },
    patience,
  )

  it('has a folder for each stage, and tells what came of the iterations', async () => {
    const { iterations, report } = await json(`${recipe} cut`)
    const folders = readdirSync(at('cut'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(folders.map(({ name }) => name).sort()).toEqual([...stages].sort())
    expect(iterations).toMatchObject([
      { iteration: 1, features: 'mfcc', clusters: 8, labelRate: 100, model: at('cut/1-model/model') },
      { iteration: 2, features: { layer: 1 }, clusters: 6, labelRate: 50, model: at('cut/2-model/model') },
      {
        iteration: 3,
        features: { layer: 1 },
        clusters: 6,
        labelRate: 50,
        codebook: at('cut/3-clusters/codebook.safetensors'),
      },
    ])
    expect(iterations[2].model).toBeUndefined()
    for (const { quality } of iterations) {
      expect(quality).toMatchObject({ units: 4, utterances: 12, withoutReference: 0 })
      // Four tones, equally often.
      expect(quality.purity).toBeGreaterThan(0.25)
      expect(quality.pnmi).toBeGreaterThan(0)
    }
    // MFCC tell tones apart, whatever four updates of a model do.
    expect(iterations[0].quality.purity).toBeGreaterThan(0.8)
    expect(iterations[1].training).toMatchObject({ steps: 4 })
    expect(lines('cut/2-labels/train.km')).toHaveLength(12)
    expect(lines('cut/2-labels/valid.km')).toHaveLength(4)
    expect(readFileSync(report, 'utf8')).toContain('hidden units, refined')
    // What each run trained on is said by its recipe: the labels' rate, and how many clusters there are.
    const { identity } = JSON.parse(readFileSync(at('cut/2-model/run.json'), 'utf8'))
    expect(identity.recipe).toMatchObject({
      labelsFrom: 'layer',
      labels: ['2-labels/train.km'],
      config: { numClasses: [6], labelRate: 50 },
    })
  })

  it('does not mix recipes: other settings are refused, and a stage can be done again', async () => {
    const other = recipe.replace('8,6', '8,5')
    expect(await said(`${other} cut`)).toBe(
      '2 babble: cut/2-clusters: the stage was done with other inputs:\n  clusters was 6, and is 5 now\n ' +
        'Give the same, take another folder, do this stage and what follows from it again with --from 2-clusters ' +
        "(from: '2-clusters'), or all with --fresh (fresh: true); what there is, is put aside.\n",
    )
    const { iterations } = await json(`${other} whole --from 2-clusters --samples 1 --iterations 1`)
    expect(iterations).toMatchObject([{ clusters: 8 }, { clusters: 5, features: { layer: 1 } }])
    expect(existsSync(at('whole/aside-1/2-model/model/config.json'))).toBe(true)
  })

  it('finds clusters on a sample of the recordings, and labels of all of them', async () => {
    const { iterations } = await json(`${recipe} whole --fresh --samples 0.5 --iterations 1 --no-last-clusters`)
    expect(iterations).toHaveLength(1)
    expect(lines('whole/1-mfcc/train_0_1.len')).toHaveLength(6)
    expect(lines('whole/1-labels/train.km')).toHaveLength(12)
    expect(lines('whole/1-labels/valid.km')).toHaveLength(4)
    // The labels that the features of all recordings have with this codebook.
    await json('features hubert-mfcc --data corpus --split train --out mfcc')
    await json('cluster apply mfcc/train_0_1 --codebook whole/1-clusters/codebook.safetensors --out mfcc.km')
    expect(lines('mfcc.km')).toEqual(lines('whole/1-labels/train.km'))
  })

  it('says what is wrong before anything is begun', async () => {
    const wrong = async (options: string) => (await said(`${recipe} none ${options}`)).replace(/^\d babble: /, '')
    expect(await wrong('--layers 2')).toBe(
      'there is no layer 2. Layers are 0 (what the Transformer is given) to 1 (its output).\n',
    )
    expect(await wrong('--clusters 8,few')).toBe(
      '--clusters is "8,few". Give numbers with commas between, such as 100,500.\n',
    )
    expect(await wrong('--samples 2')).toBe('a sample is 2. Give shares of the recordings: 0.1 to 1.\n')
    expect(await wrong('--set maxStep=2')).toBe(
      '--set maxStep=2: there is no key "maxStep". Did you mean "maxSteps"?\n',
    )
    expect(await wrong('--reference-column word')).toBe(
      'there are two references. Give --alignments or --reference-column.\n',
    )
    expect(existsSync(at('none'))).toBe(false)
    expect(await wrong('--clusters 500')).toBe(
      'none/1-mfcc/train_0_1.npy: 500 clusters need at least as many frames; there are 360. Take fewer clusters or more data.\n',
    )
  })
})

describe(`HuBERT's life, on ${engine}`, () => {
  it(
    'fine-tunes the last model, transcribes and evaluates',
    async () => {
      const outcome = await json(
        'finetune hubert --from cut/2-model --data corpus --recipe finetune.yaml --out runs/ft',
      )
      expect(outcome).toMatchObject({ status: 'completed', step: 4 })
      expect(outcome.evaluation.wordErrorRate).toBeGreaterThan(0)
      const { results } = await json('transcribe corpus/tones-00.wav --model runs/ft')
      expect(results[0].text).toMatch(/^[abcd ]*$/)
      const { utterances } = await json('evaluate --model runs/ft --data corpus --split valid')
      expect(utterances).toHaveLength(4)
    },
    patience,
  )

  const units = 'hubert units --model cut/2-model --layer 1 --codebook cut/3-clusters/codebook.safetensors'

  it('writes units: the labels of the features and the codebook', async () => {
    const outcome = await json(`${units} --data corpus --split train --out units.txt`)
    expect(outcome).toMatchObject({ clusters: 6, frameRate: 50, recordings: 12, frames: 12 * 15, units: 12 * 15 })
    const labels = lines('cut/3-labels/train.km')
    expect(lines('units.txt')).toEqual(labels.map((row, index) => `tones-${String(index).padStart(2, '0')}.wav|${row}`))
  })

  it('writes units without repetitions, with durations, as JSON Lines', async () => {
    const files = 'corpus/tones-03.wav corpus/tones-01.wav'
    await json(`${units} --data ${files} --out units.jsonl --format jsonl --deduplicate --durations --batch 4`)
    const labels = [3, 1].map((row) => lines('cut/3-labels/train.km')[row]!.split(' ').map(Number))
    const found = lines('units.jsonl').map((line) => JSON.parse(line))
    expect(found.map(({ name, frameRate }) => [name, frameRate])).toEqual([
      ['corpus/tones-03.wav', 50],
      ['corpus/tones-01.wav', 50],
    ])
    for (const [index, { units, durations }] of found.entries()) {
      expect(units.flatMap((unit: number, run: number) => new Array(durations[run]).fill(unit))).toEqual(labels[index])
      for (let run = 1; run < units.length; run++) expect(units[run]).not.toBe(units[run - 1])
    }
    expect(await said(`${units} --data ${files} --out x --format csv`)).toBe(
      '2 babble: --format is csv. There are text and jsonl.\n',
    )
    expect(await said(`${units.replace('3-clusters', '1-clusters')} --data ${files} --out x`)).toBe(
      "1 babble: frames of hubert layer 1 have 32 numbers, the codebook's centroids 39. Use the codebook that was learnt from this layer of this model.\n",
    )
  })
})

describe(`HuBERT's pre-training on labels, on ${engine}`, () => {
  const pretrain = 'pretrain hubert --data corpus --recipe pretrain.yaml --out runs/pre --labels'

  it('takes labels of several kinds, and as many classes as they have', async () => {
    const both = 'cut/1-labels/train.km labels/double.km'
    mkdirSync(at('labels'))
    // MFCC come at 100 a second; here is another set of labels at that rate.
    writeFileSync(
      at('labels/double.km'),
      lines('cut/1-labels/train.km')
        .map((row) => row.replaceAll(/\d+/g, '2'))
        .join('\n'),
    )
    const outcome = await json(`${pretrain} ${both}`)
    expect(outcome).toMatchObject({ status: 'completed', step: 4 })
    // No labels for the held-out recordings, no evaluation.
    expect(outcome.evaluation).toBeUndefined()
    const { config } = parse(readFileSync(at('runs/pre/recipe.yaml'), 'utf8'))
    expect(config.numClasses).toBeUndefined()
    const written = JSON.parse(readFileSync(at('runs/pre/model/config.json'), 'utf8'))
    expect(written).toMatchObject({
      model_type: 'hubert',
      architectures: ['HubertForPreTraining'],
      num_classes: [8, 3],
    })
    // Labels that have changed make another run.
    writeFileSync(at('labels/double.km'), lines('labels/double.km').join('\n').replace('2', '1'))
    expect(await said(`${pretrain} ${both}`)).toMatch(
      /^2 babble: runs\/pre: the folder holds another run:\n {2}data.files.labels\/double.km was "[0-9a-f]+", and is "[0-9a-f]+" now\n/,
    )
  })

  it(
    'says what is wrong with labels, and what helps',
    async () => {
      const good = lines('cut/1-labels/train.km')
      const wrong = async (rows: string[], options = '') => {
        writeFileSync(at('wrong.km'), `${rows.join('\n')}\n`)
        return said(`${pretrain.replace('runs/pre', 'runs/wrong')} wrong.km ${options}`.trimEnd())
      }
      expect(await said(pretrain.replace(' --labels', ''))).toBe(
        '2 babble: there are no labels to predict. Make them with "babble cluster apply", and name the file with --labels; or see "babble hubert recipe".\n',
      )
      expect(await said(`${pretrain} none.km`)).toBe('1 babble: none.km: there is no such file. Check the path.\n')
      expect(await wrong(good.map(() => ''))).toBe(
        '1 babble: wrong.km: it holds no label. Make it with "babble cluster apply".\n',
      )
      expect(await wrong(good.slice(1))).toBe(
        '1 babble: wrong.km: 11 lines of labels for 12 utterances: there must be one line for each. Make the labels again from this list of recordings.\n',
      )
      const half = good.map((row) => row.split(' ').filter((_, place) => place % 2 === 0))
      expect(await wrong(half.map((row) => row.join(' ')))).toMatch(
        /^1 babble: wrong\.km: labels come 50 a second, not 100\. 12 of 12 .* Say that the label rate is 50, or make the labels again at 100\.\n$/,
      )
      expect(await wrong(good, '--set config.numClasses=[5]')).toMatch(
        /^1 babble: wrong\.km:1: label \d+ of the line is [567], but there are 5 classes, from 0 on\. Give the number of clusters that the labels were made with: at least 8\.\n$/,
      )
      expect(await wrong(good.map((row, index) => (index === 3 ? `${row} x` : row)))).toMatch(
        /^1 babble: wrong\.km:4: labels are whole numbers .* column \d+ is "x"\. Name a \.km file: a line of labels for each utterance\.\n$/,
      )
      expect(await wrong(good, '--set config.numClasses=[8,8]')).toMatch(
        /^2 babble: .* a model that predicts 2\. Give /,
      )
      expect(await wrong(good, '--valid-labels wrong.km')).toMatch(
        /^1 babble: wrong\.km: 12 lines of labels for 4 utterances/,
      )
      expect(await wrong(good, '--valid-labels wrong.km cut/1-labels/valid.km')).toBe(
        '2 babble: 2 files of labels for held-out recordings, 1 for training. Give one for each set of clusters.\n',
      )
      // One recording is left out, and counted.
      writeFileSync(at('some.km'), good.map((row, index) => (index === 3 ? row.slice(0, 20) : row)).join('\n'))
      const { code, err } = await babble(`${pretrain.replace('runs/pre', 'runs/some')} some.km --engine ${engine}`)
      expect(code).toBe(0)
      expect(err).toContain('4 held-out recordings are not used: name their labels with --valid-labels.\n')
      expect(err).toContain('Left out 1 of 12 training recordings, which last for another time than their labels:\n')
      expect(err).toMatch(/some\.km:4: 10 labels are 0\.10 s at 100 a second, but the recording lasts 0\.32 s\.\n/)
    },
    patience,
  )
})
