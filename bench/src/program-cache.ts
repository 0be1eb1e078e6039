import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder for compiled programs that no run has used before. */
export interface FreshProgramCache {
  /** What a contestant is started with, so that it keeps its programs there. */
  readonly env: NodeJS.ProcessEnv
  remove(): Promise<void>
}

/** Makes compiling cold for the first process that is started with it, and warm for the second. */
export const freshProgramCache = async (): Promise<FreshProgramCache> => {
  const folder = await mkdtemp(join(tmpdir(), 'babble-bench-'))
  return {
    env: { BABBLE_PROGRAM_CACHE: folder, TORCHINDUCTOR_CACHE_DIR: join(folder, 'inductor') },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
