import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const run = (command: string, args: readonly string[]): void => {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) {
    throw new Error(
      `"${command} ${args.join(' ')}" failed${error ? `: ${error.message}` : ''}. The comparison needs Python 3.10 or newer with venv and pip; ` +
        'BABBLE_PYTHON can name an interpreter that has PyTorch and transformers, and "--contestants ours" leaves PyTorch out.',
    )
  }
}

/**
 * The Python interpreter that runs the peers: `BABBLE_PYTHON`, or that of `bench/.venv`, which the first call makes and fills
 * from `bench/python/requirements.txt` (about 1 GB is downloaded).
 */
export const pythonForPeers = (benchFolder: string): string => {
  if (process.env.BABBLE_PYTHON) return process.env.BABBLE_PYTHON
  const environment = join(benchFolder, '.venv')
  const python =
    process.platform === 'win32' ? join(environment, 'Scripts', 'python.exe') : join(environment, 'bin', 'python')
  const requirements = join(benchFolder, 'python', 'requirements.txt')
  const complete =
    existsSync(python) && spawnSync(python, ['-c', 'import torch, transformers, safetensors, numpy']).status === 0
  if (!complete) {
    console.error(`Setting up ${environment} (once) ...`)
    run(process.platform === 'win32' ? 'python' : 'python3', ['-m', 'venv', environment])
    run(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements])
  }
  return python
}
