import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { wheels } from '@babble/tfjs-backend-xla'
import { isCompleteDirectory, writeDirectoryAtomic } from '../../checkpoint/index'
import { EngineBuildError } from '../errors'
import { CUDA_FILES, PARTS, TARGET, TENSORFLOW_FILES, type TfjsNodeParts } from './catalogue'
import { digestFile, expectDigest } from './digest'
import type { TfjsNodePlace } from './place'
import type { BuildProgress } from './progress'

export interface FetchTensorFlowOptions extends BuildProgress {
  readonly pip: wheels.PipCommand
  /** @internal Stands in for the catalogue in tests. */
  readonly parts?: TfjsNodeParts | undefined
}

const kept = new Set(TENSORFLOW_FILES)
const wanted = (entry: string): string | undefined => (kept.has(entry) || CUDA_FILES.test(entry) ? entry : undefined)

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/**
 * Makes sure that TensorFlow's libraries and headers lie in `place.tensorflow`: downloads the pinned wheels with pip, checks
 * their SHA-256 and unpacks what an addon needs of them. What has been downloaded and checked waits for the next attempt
 * when one is broken off.
 *
 * @throws EngineBuildError
 */
export const fetchTensorFlow = async (place: TfjsNodePlace, options: FetchTensorFlowOptions): Promise<void> => {
  const { pip, onProgress = () => {}, onBytes = () => {}, parts = PARTS[place.variant] } = options
  if (await isCompleteDirectory(place.tensorflow)) {
    onProgress(`TensorFlow ${parts.wheels[0]!.version} is here already`)
    return
  }
  const pinned = parts.wheels.map((wheel) => ({ ...wheel, ...wheel[TARGET]! }))
  const shelf = `${place.tensorflow}.wheels`
  await mkdir(shelf, { recursive: true })
  const shelved = (wheel: { name: string; version: string }) => join(shelf, `${wheel.name}-${wheel.version}.whl`)
  const missing = []
  for (const wheel of pinned) {
    const path = shelved(wheel)
    if (!existsSync(path) || (await digestFile(path, 'sha256', 'hex')) !== wheel.sha256) missing.push(wheel)
  }
  const total = sum(missing.map(({ bytes }) => bytes))
  await expectSpace(
    shelf,
    total + sum(pinned.map(({ unpacked }) => unpacked)) + Math.max(0, ...missing.map((w) => w.bytes)),
  )
  let before = 0
  for (const [at, wheel] of missing.entries()) {
    onProgress(
      `Downloading ${at + 1} of ${missing.length}: ${wheel.name} ${wheel.version} (${wheels.formatBytes(wheel.bytes)})`,
    )
    const folder = await mkdtemp(join(shelf, 'incoming-'))
    try {
      const path = await wheels.downloadWheel(pip, wheel, folder, (received) =>
        onBytes({ received: before + Math.min(received, wheel.bytes), total }),
      )
      expectDigest(path, 'SHA-256', await digestFile(path, 'sha256', 'hex'), wheel.sha256)
      await rename(path, shelved(wheel))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
    before += wheel.bytes
    onBytes({ received: before, total })
  }
  onProgress(`Unpacking (${wheels.formatBytes(sum(pinned.map(({ unpacked }) => unpacked)))})`)
  await writeDirectoryAtomic(place.tensorflow, async (folder) => {
    const files = new Set<string>()
    for (const wheel of pinned) {
      for (const file of Object.keys(await wheels.unpackZip(shelved(wheel), folder, wanted))) files.add(file)
    }
    const lacking = TENSORFLOW_FILES.filter((file) => !files.has(file))
    if (lacking.length > 0) throw new EngineBuildError(`the wheel of ${pinned[0]!.name} lacks ${lacking.join(', ')}.`)
  })
  await rm(shelf, { recursive: true, force: true })
}

const expectSpace = async (folder: string, needed: number): Promise<void> => {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize >= needed) return
  throw new EngineBuildError(
    `TensorFlow needs ${wheels.formatBytes(needed)} of disk space; ${wheels.formatBytes(bavail * bsize)} are free here.`,
    { file: folder, cure: 'Make room, or set BABBLE_CACHE to a folder on another disk.' },
  )
}
