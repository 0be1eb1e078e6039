import { rngKeyValues, TrainStep, toTensors } from '@babble/core'
import type * as tf from '@tensorflow/tfjs-core'
import { readBatches } from './batch-file'
import type { StepCheck, StepTiming } from './report/records'
import type { Precision } from './settings'
import { readSpecification } from './specification'
import type { StepFiles } from './step-files'
import { buildTask } from './tasks/tasks'

/** Babble's training steps on a few batches in turn. */
export class TrainingSteps {
  #done = 0

  private constructor(
    /** Numbers that the model learns, and those that are frozen. */
    readonly parameters: number,
    private readonly step: TrainStep,
    private readonly batches: readonly Record<string, tf.Tensor>[],
    private readonly learningRate: number,
  ) {}

  /** Builds the model on the current engine, and saves it where the files say so. */
  static async prepare(files: StepFiles, precision: Precision): Promise<TrainingSteps> {
    const { configPath, batchesPath, weightsFolder } = files
    const specification = await readSpecification(configPath)
    const { model, objective } = buildTask(specification, configPath)
    if (weightsFolder !== undefined) await model.savePretrained(weightsFolder)
    const { learningRate, betas, eps, weightDecay, clipNorm } = specification.training
    const step = new TrainStep({
      parameters: [...model.namedParameters()]
        .filter(([, variable]) => variable.trainable)
        .map(([name, variable]) => ({ name, variable, group: 0 })),
      objective,
      optimizer: { learningRate, betas, eps, weightDecay },
      clipNorm,
      accumulate: 1,
      precision,
    })
    const batches = (await readBatches(batchesPath)).map(toTensors)
    return new TrainingSteps(model.parameterCount(), step, batches, learningRate)
  }

  /** One step, until its loss is on the host and with it the update is done. */
  async run(): Promise<StepTiming & StepCheck & { hostSeconds: number }> {
    const number = this.#done++
    const key = rngKeyValues(0, 'step', number)
    const started = performance.now()
    const metrics = this.step.run([this.batches[number % this.batches.length]!], {
      step: number + 1,
      learningRates: [this.learningRate],
      activeGroups: [0],
      key,
    })
    const hostSeconds = (performance.now() - started) / 1000
    const values = await metrics.data()
    const seconds = (performance.now() - started) / 1000
    metrics.dispose()
    const { loss, gradNorm } = this.step.read(values, [0]).metrics as unknown as StepCheck
    if (!Number.isFinite(loss))
      throw new Error(`the loss of step ${number + 1} is ${loss}: lower the learning rate of the configuration.`)
    return { seconds, hostSeconds, loss, gradNorm, peakRssBytes: process.resourceUsage().maxRSS * 1024 }
  }
}
