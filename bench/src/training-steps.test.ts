// Both sides of the benchmark on small models: `BABBLE_PYTHON` names a Python that has torch and transformers.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { enginesUnderTest, useEngine } from '@babble/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { agrees, disagreements } from './agreement'
import { Contestant } from './contestant'
import { launchOf } from './contestants'
import type { StepCheck } from './report/records'
import { readSpecification } from './specification'
import { makeStepFolder, type StepFolder } from './step-files'
import type { StepAnswer } from './step-protocol'
import { TrainingSteps } from './training-steps'

const benchFolder = fileURLToPath(new URL('..', import.meta.url))
const settings = { device: 'cpu', precision: 'float32', threads: 2 } as const
const small = {
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 64,
  conv_dim: [16, 16, 16, 16, 16, 16, 16],
  num_conv_pos_embeddings: 16,
  num_conv_pos_embedding_groups: 4,
}

describe.each(['hubert-base', 'wav2vec2-base-ctc'])('a small model by configs/%s.json', (name) => {
  let folder: string
  let shared: StepFolder
  beforeAll(async () => {
    await useEngine(enginesUnderTest().at(-1)!)
    folder = await mkdtemp(join(tmpdir(), 'babble-training-steps-'))
    const source = JSON.parse(await readFile(join(benchFolder, 'configs', `${name}.json`), 'utf8'))
    // A learning rate at which the optimiser's work shows within two updates.
    const batch = { ...source.batch, seconds: 1, ...(source.task === 'ctc' && { shortestSeconds: 0.8, labels: 6 }) }
    const training = { ...source.training, learningRate: 1e-3 }
    const path = join(folder, 'small.json')
    await writeFile(path, JSON.stringify({ ...source, model: { ...source.model, ...small }, batch, training }))
    shared = await makeStepFolder(await readSpecification(path), path)
  })
  afterAll(async () => {
    await shared?.remove()
    await rm(folder, { recursive: true, force: true })
  })

  const ownSteps = async (): Promise<StepCheck[]> => {
    const training = await TrainingSteps.prepare(shared.checkFiles, 'float32')
    const steps: StepCheck[] = []
    for (let step = 0; step < 3; step++) {
      const { loss, gradNorm } = await training.run()
      steps.push({ loss, gradNorm })
    }
    return steps
  }

  let first: Promise<StepCheck[]> | undefined
  const firstSteps = () => {
    first ??= ownSteps()
    return first
  }

  it('draws nothing at random without dropout', async () => {
    expect(await firstSteps()).toEqual(await ownSteps())
  })

  it.skipIf(!process.env.BABBLE_PYTHON)('has the losses and gradients of PyTorch (BABBLE_PYTHON)', async () => {
    const ours = await firstSteps()
    const program = { kind: 'step', files: shared.checkFiles } as const
    const { contestant } = await Contestant.start(launchOf('pytorch', program, { ...settings, benchFolder }))
    const { steps: pytorch } = await contestant.ask<StepAnswer['steps']>({ do: 'steps', count: 3 })
    contestant.stop()
    const [[, disagreement]] = disagreements({ ours, pytorch }) as [[string, { loss: number; gradNorm: number }]]
    console.log(
      `${name}: losses differ by ${disagreement.loss.toExponential(1)}, gradient norms by ${disagreement.gradNorm.toExponential(1)}`,
    )
    expect(agrees(disagreement, 'float32')).toBe(true)
  })
})
