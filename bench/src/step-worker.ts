/**
 * Babble's side of the step benchmark, on any of its engines. Usage: node dist/step-worker.js <WorkerArguments as JSON>
 */
import type { Preparation, StepCheck, StepTiming } from './report/records'
import { decline, serve } from './serve'
import { startEngine, type WorkerArguments } from './start-engine'
import type { StepAnswer, StepIntroduction, StepRequest } from './step-protocol'
import { TrainingSteps } from './training-steps'
import { watchCompiler } from './watch-compiler'

const main = async (): Promise<void> => {
  const worker = JSON.parse(process.argv[2] ?? '{}') as WorkerArguments
  if (!worker.step) throw new Error('the step benchmark needs a configuration and batches.')
  const engine = await startEngine(worker)
  const compiler = watchCompiler()
  const training = await TrainingSteps.prepare(worker.step, worker.precision)

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
    parameters: training.parameters,
  }
  await serve<StepRequest>(introduction, async (request) => {
    if (request.do === 'prepare') return prepare()
    const steps: (StepTiming & StepCheck)[] = []
    for (let i = 0; i < request.count; i++) {
      const { hostSeconds, ...timing } = await training.run()
      // Engines that run op by op have computed when the call comes back.
      steps.push(engine.backend === 'xla' ? { ...timing, hostSeconds } : timing)
    }
    return { steps } satisfies StepAnswer['steps']
  })
}

main().catch(decline)
