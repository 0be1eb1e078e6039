import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeBatches } from './batch-file'
import { type Specification, withoutDropout } from './specification'
import { makeBatches } from './tasks/tasks'

/** What the contestants of the step benchmark read. */
export interface StepFiles {
  /** A file like those of `bench/configs`. */
  readonly configPath: string
  readonly batchesPath: string
  /** A model's folder, which Babble saves and others start from. Default: all have parameters of their own. */
  readonly weightsFolder?: string
}

/** A folder of files that all contestants of a run share. */
export interface StepFolder {
  readonly files: StepFiles
  /** The same batches for a model without dropout, which all start from the same parameters. */
  readonly checkFiles: StepFiles & { readonly weightsFolder: string }
  remove(): Promise<void>
}

export const makeStepFolder = async (specification: Specification, configPath: string): Promise<StepFolder> => {
  const folder = await mkdtemp(join(tmpdir(), 'babble-bench-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const batchesPath = join(folder, 'batches.safetensors')
    await writeBatches(batchesPath, await makeBatches(specification, configPath))
    const checkPath = join(folder, `${specification.name}-without-dropout.json`)
    await writeFile(checkPath, JSON.stringify(withoutDropout(specification)))
    return {
      files: { configPath, batchesPath },
      checkFiles: { configPath: checkPath, batchesPath, weightsFolder: join(folder, 'weights') },
      remove,
    }
  } catch (error) {
    await remove()
    throw error
  }
}
