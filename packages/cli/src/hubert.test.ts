// HuBERT from recordings to units, as a user types it; in this process, with the engine at hand.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enginesUnderTest } from '@babble/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
  numHiddenLayers: 2
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

describe(`HuBERT's life, on ${engine}`, () => {
  let cwd: string
  const babble = (line: string) => runCommand(line.split(' '), { cwd })
  const json = async (line: string) => {
    const { code, out, err } = await babble(`${line} --json --quiet --engine ${engine}`)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    return JSON.parse(out)
  }
  const said = async (line: string) => {
    const { code, err } = await babble(`${line} --engine ${engine} --quiet`)
    return `${code} ${err.replaceAll(`${cwd}/`, '')}`
  }
  const at = (...parts: string[]) => join(cwd, ...parts)
  const lines = (file: string) => readFileSync(at(file), 'utf8').trimEnd().split('\n')

  beforeAll(() => {
    cwd = mkdtempSync(join(tmpdir(), 'babble-hubert-'))
    writeTones(at('corpus'))
    writeFileSync(at('pretrain.yaml'), pretraining)
    writeFileSync(at('finetune.yaml'), finetuning)
  })
  afterAll(() => rmSync(cwd, { recursive: true, force: true }))

  it(
    'pre-trains on clusters of MFCC, step by step',
    async () => {
      for (const split of ['train', 'valid']) {
        await json(`features hubert-mfcc --data corpus --split ${split} --out features`)
        if (split === 'train') await json('cluster train features/train_0_1 --clusters 8 --out mfcc8.safetensors')
        await json(`cluster apply features/${split}_0_1 --codebook mfcc8.safetensors --out labels/${split}.km`)
      }
      const outcome = await json(
        'pretrain hubert --data corpus --recipe pretrain.yaml --labels labels/train.km --valid-labels labels/valid.km --out runs/pre',
      )
      expect(outcome).toMatchObject({ status: 'completed', step: 6, skippedSteps: 0 })
      expect(outcome.evaluation.maskedLoss).toBeGreaterThan(0)
      const config = JSON.parse(readFileSync(at('runs/pre/model/config.json'), 'utf8'))
      expect(config).toMatchObject({ model_type: 'hubert', architectures: ['HubertForPreTraining'] })
    },
    patience,
  )

  it(
    'writes units: those of the features and the codebook',
    async () => {
      await json('features model --model runs/pre --layer 1 --data corpus --split train --out layer1')
      await json('cluster train layer1/train_0_1 --clusters 6 --out layer1.safetensors')
      await json('cluster apply layer1/train_0_1 --codebook layer1.safetensors --out layer1.km')
      writeFileSync(
        at('corpus/train.tsv'),
        lines('corpus/manifest.tsv')
          .filter((line, row) => row === 0 || line.endsWith('train'))
          .join('\n'),
      )
      const units = 'hubert units --model runs/pre --layer 1 --codebook layer1.safetensors'
      const outcome = await json(`${units} --data corpus/train.tsv --out units.txt`)
      expect(outcome).toMatchObject({ clusters: 6, frameRate: 50, recordings: 12, units: 12 * 15 })
      const expected = lines('layer1.km').map((labels, row) => `tones-${String(row).padStart(2, '0')}.wav|${labels}`)
      expect(lines('units.txt')).toEqual(expected)
    },
    patience,
  )

  it(
    'fine-tunes and transcribes',
    async () => {
      const outcome = await json('finetune hubert --from runs/pre --data corpus --recipe finetune.yaml --out runs/ft')
      expect(outcome).toMatchObject({ status: 'completed', step: 4 })
      const { results } = await json('transcribe corpus/tones-00.wav --model runs/ft')
      expect(results[0].text).toMatch(/^[abcd]*$/)
    },
    patience,
  )

  it('says what is wrong with the labels, and what helps', async () => {
    expect(await said('pretrain hubert --size tiny --data corpus')).toBe('')
  })
})
describe('tmp recipe', () => {
  it('runs', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'babble-hubert-'))
    writeTones(join(cwd, 'corpus'))
    writeFileSync(join(cwd, 'pretrain.yaml'), pretraining)
    const { code, out, err } = await runCommand('hubert recipe --data corpus --recipe pretrain.yaml --clusters 8,6 --reference-column speaker --out runs/all'.split(' '), { cwd })
    console.log(code, out, err)
    const r = await runCommand('hubert recipe --data corpus --recipe pretrain.yaml --clusters 8,6 --reference-column text --out runs/all'.split(' '), { cwd })
    console.log(r.code, r.out, r.err)
    const r2 = await runCommand('hubert recipe --data corpus --recipe pretrain.yaml --clusters 8,6 --samples 1,0.5 --reference-column text --out runs/all --from 2-features'.split(' '), { cwd })
    console.log(r2.code, r2.out, r2.err)
  }, 300_000)
})
