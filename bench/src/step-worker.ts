/**
 * Babble's side of the step benchmark, on any of its engines. Usage: node dist/step-worker.js <WorkerArguments as JSON>
 */
import { Initializer, type Objective, rngKeyValues, TrainStep } from '@babble/core'
import {
  readWav2Vec2Config,
  type Wav2Vec2Config,
  Wav2Vec2CtcObjective,
  Wav2Vec2ForCTC,
  Wav2Vec2ForPreTraining,
  Wav2Vec2PretrainingObjective,
} from '@babble/wav2vec2'
import type * as tf from '@tensorflow/tfjs-core'
import { makeBatches } from './batches'
import type { Preparation, StepTiming } from './report/records'
import { decline, serve } from './serve'
import { readSpecification, type Specification } from './specification'
import { startEngine, type WorkerArguments } from './start-engine'
import type { StepAnswer, StepIntroduction, StepRequest } from './step-protocol'
import { watchCompiler } from './watch-compiler'

interface Task {
  readonly model: Wav2Vec2ForPreTraining | Wav2Vec2ForCTC
  readonly objective: Objective
}

const makeTask = (specification: Specification, config: Wav2Vec2Config): Task => {
  if (specification.task === 'ctc') {
    const model = new Wav2Vec2ForCTC(config, new Initializer(0))
    if (specification.training.freezeFeatureEncoder) model.freezeFeatureEncoder()
    return { model, objective: new Wav2Vec2CtcObjective(model) }
  }
  const temperature = specification.training.gumbelTemperature
  const model = new Wav2Vec2ForPreTraining(config, new Initializer(0))
  const objective = new Wav2Vec2PretrainingObjective(model, {
    gumbelTemperature: { start: temperature, end: temperature, decay: 1 },
    featureGradMult: 1,
    featurePenaltyWeight: 0,
  })
  return { model, objective }
}

/** Training steps on a few batches in turn. */
class Training {
  #done = 0

  constructor(
    private readonly step: TrainStep,
    private readonly batches: readonly Record<string, tf.Tensor>[],
    private readonly learningRate: number,
  ) {}

  /** One step, until its loss is on the host and with it the update is done. */
  async run(): Promise<StepTiming & { hostSeconds: number }> {
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
    const loss = (await metrics.data())[this.step.metricNames.indexOf('loss')]!
    const seconds = (performance.now() - started) / 1000
    metrics.dispose()
    if (!Number.isFinite(loss))
      throw new Error(`the loss of step ${number + 1} is ${loss}: lower the learning rate of the configuration.`)
    return { seconds, hostSeconds, loss, peakRssBytes: process.resourceUsage().maxRSS * 1024 }
  }
}

const main = async (): Promise<void> => {
  const worker = JSON.parse(process.argv[2] ?? '{}') as WorkerArguments
  if (worker.configPath === undefined) throw new Error('the step benchmark needs a configuration file.')
  const specification = await readSpecification(worker.configPath)
  const engine = await startEngine(worker)
  const compiler = watchCompiler()
  const config = readWav2Vec2Config(specification.model, worker.configPath)
  const { model, objective } = makeTask(specification, config)
  const { learningRate, betas, eps, weightDecay, clipNorm } = specification.training
  const step = new TrainStep({
    parameters: [...model.namedParameters()]
      .filter(([, variable]) => variable.trainable)
      .map(([name, variable]) => ({ name, variable, group: 0 })),
    objective,
    optimizer: { learningRate, betas, eps, weightDecay },
    clipNorm,
    accumulate: 1,
    precision: worker.precision,
  })
  const training = new Training(step, await makeBatches(config, specification), learningRate)

  const prepare = async (): Promise<Preparation> => {
    const before = compiler.seconds
    const { seconds, hostSeconds } = await training.run()
    const compileSeconds = compiler.seconds - before
    return {
      firstStepSeconds: seconds,
      ...(engine.backend === 'xla' && { compileSeconds, traceSeconds: hostSeconds - compileSeconds }),
    }
  }
  const introduction: StepIntroduction = {
    name: `Babble, ${engine.description}`,
    threads: worker.threads,
    parameters: model.parameterCount(),
  }
  await serve<StepRequest>(introduction, async (request) => {
    if (request.do === 'prepare') return prepare()
    const steps: StepTiming[] = []
    for (let i = 0; i < request.count; i++) {
      const { hostSeconds, ...timing } = await training.run()
      // Engines that run op by op have computed when the call comes back.
      steps.push(engine.backend === 'xla' ? { ...timing, hostSeconds } : timing)
    }
    return { steps } satisfies StepAnswer['steps']
  })
}

main().catch(decline)
