import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { FeatureDump, type FeatureFrames, writeFeatureDump } from '@babble/core'
import { hashedValues } from '../ops/inputs'

/** Centers that the frames lie around: more than the clusters asked for, as phones in context are. */
const centers = 2000
const framesPerPart = 1000

/** Frames around hashed centers: the spread around them is as large as that between them. */
function* hashedFrames(frames: number, dim: number): Generator<FeatureFrames> {
  const middles = hashedValues(centers * dim, 1)
  for (let first = 0; first < frames; first += framesPerPart) {
    const count = Math.min(framesPerPart, frames - first)
    const data = hashedValues(count * dim, first + 2)
    for (let frame = 0; frame < count; frame++) {
      const center = (Math.imul(first + frame, 0x9e3779b9) >>> 8) % centers
      for (let j = 0; j < dim; j++) data[frame * dim + j]! += middles[center * dim + j]!
    }
    yield { data, frames: count, dim }
  }
}

/** Writes the frames of the benchmark unless they are there, and `clusters` of them as initial centroids beside. */
export const prepareFrames = async (
  path: string,
  { frames, dim, clusters }: { readonly frames: number; readonly dim: number; readonly clusters: number },
): Promise<{ framesPath: string; initPath: string }> => {
  await mkdir(dirname(path), { recursive: true })
  const framesPath = `${path}.npy`
  const initPath = `${path}-init.npy`
  if (!(await isThere(framesPath, frames, dim))) await writeFeatureDump(framesPath, hashedFrames(frames, dim))
  await using dump = await FeatureDump.open(framesPath)
  const data = new Float32Array(clusters * dim)
  const runs = Array.from({ length: clusters }, (_, k): [number, number] => [Math.floor((k * frames) / clusters), 1])
  await dump.gather(runs, data)
  await writeFeatureDump(initPath, [{ data, frames: clusters, dim }])
  return { framesPath, initPath }
}

const isThere = async (path: string, frames: number, dim: number): Promise<boolean> => {
  if (!(await stat(path).catch(() => undefined))) return false
  await using dump = await FeatureDump.open(path)
  return dump.frames === frames && dump.dim === dim
}
