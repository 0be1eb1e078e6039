import { join } from 'node:path'
import type { Launch } from './contestant'
import { pythonForPeers } from './python-environment'
import { type ContestantKey, type Settings, titles } from './settings'
import type { WorkerArguments } from './start-engine'
import type { StepFiles } from './step-files'

/** Which benchmark a contestant takes part in. */
export type Program = { readonly kind: 'ops' } | { readonly kind: 'step'; readonly files: StepFiles }

/** The names under which the libraries in use take the size of their thread pools. */
export const threadVariables = (threads: number): NodeJS.ProcessEnv =>
  Object.fromEntries(
    ['NPROC', 'OMP_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS'].map((name) => [
      name,
      String(threads),
    ]),
  )

const peerOptions = ({ configPath, batchesPath, weightsFolder }: StepFiles): string[] => [
  ...['--config', configPath, '--batches', batchesPath],
  ...(weightsFolder === undefined ? [] : ['--weights', weightsFolder]),
]

/** How a contestant is started: Babble's engines in Node, PyTorch in Python. */
export const launchOf = (
  contestant: ContestantKey,
  program: Program,
  { benchFolder, ...settings }: Settings & { benchFolder: string },
): Launch => {
  const title = titles[contestant]
  // Ops are compiled anew in each run, so that the first call means the same in all of them.
  const env = { ...threadVariables(settings.threads), ...(program.kind === 'ops' && { BABBLE_PROGRAM_CACHE: 'off' }) }
  if (contestant === 'pytorch' || contestant === 'pytorch-compile') {
    return {
      title,
      command: pythonForPeers(benchFolder),
      args: [
        join(benchFolder, 'python', program.kind === 'ops' ? 'ops.py' : 'training_step.py'),
        ...['--device', settings.device, '--precision', settings.precision, '--threads', String(settings.threads)],
        ...(program.kind === 'step' ? peerOptions(program.files) : []),
        ...(contestant === 'pytorch-compile' ? ['--compile'] : []),
      ],
      env,
    }
  }
  const told: WorkerArguments = { contestant, ...settings, ...(program.kind === 'step' && { step: program.files }) }
  return {
    title,
    command: process.execPath,
    args: [join(benchFolder, 'dist', `${program.kind}-worker.js`), JSON.stringify(told)],
    env,
  }
}
