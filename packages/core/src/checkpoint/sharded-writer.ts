import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError } from '../errors'
import { writeFileAtomic } from './atomic'
import { dtypeBytes, elementCount, type WritableTensor } from './host-tensor'
import { writeSafetensors } from './safetensors'

export const weightsFile = 'model.safetensors'
export const indexFile = 'model.safetensors.index.json'
/** Names of shards, as Hugging Face gives them. */
export const shardPattern = /^model-\d{5}-of-\d{5}\.safetensors$/

const units: Readonly<Record<string, number>> = { KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 }

/** Bytes of a size such as `5GB` (Hugging Face's units: powers of ten), or of a number of bytes. */
function sizeInBytes(size: number | string): number {
  if (typeof size === 'number' && Number.isInteger(size) && size > 0) return size
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([KMGT]B)\s*$/i.exec(String(size)) ?? []
  const bytes = Math.trunc(Number(number) * (units[unit?.toUpperCase() ?? ''] ?? Number.NaN))
  if (bytes > 0) return bytes
  throw new CheckpointError(`${JSON.stringify(size)} is not a size.`, {
    field: 'maxShardSize',
    cure: 'Give a number of bytes, or text such as "500MB" or "5GB".',
  })
}

const bytesOf = ({ dtype, shape }: WritableTensor) => elementCount(shape) * dtypeBytes(dtype)

/**
 * Which tensors go together, by Hugging Face's rule: in their order, a new shard begins when the next tensor would pass the limit; a
 * tensor that is larger than the limit has a shard of its own.
 */
export function planShards<T extends WritableTensor>(
  tensors: Iterable<readonly [string, T]>,
  maxShardSize: number | string,
): (readonly [string, T])[][] {
  const limit = sizeInBytes(maxShardSize)
  const shards: (readonly [string, T])[][] = []
  let current: (readonly [string, T])[] = []
  let size = 0
  for (const entry of tensors) {
    const bytes = bytesOf(entry[1])
    if (bytes > limit) {
      shards.push([entry])
      continue
    }
    if (size + bytes > limit) {
      shards.push(current)
      current = []
      size = 0
    }
    current.push(entry)
    size += bytes
  }
  if (current.length > 0 || shards.length === 0) shards.push(current)
  return shards
}

/**
 * Writes tensors as `model.safetensors` or, if they are more than `maxShardSize`, as shards and their index. Of lazy tensors, one at a
 * time is in memory. Each file is written atomically, the index last.
 *
 * @returns the names of the files, the one that readers begin with last.
 * @throws CheckpointError
 */
export async function writeWeights(
  dir: string,
  tensors: Iterable<readonly [string, WritableTensor]>,
  options: { readonly maxShardSize: number | string; readonly metadata: Readonly<Record<string, string>> },
): Promise<string[]> {
  await mkdir(dir, { recursive: true })
  const shards = planShards(tensors, options.maxShardSize)
  if (shards.length === 1) {
    await writeSafetensors(join(dir, weightsFile), shards[0]!, options.metadata)
    return [weightsFile]
  }
  const number = (n: number) => String(n).padStart(5, '0')
  const home = new Map<string, string>()
  const files: string[] = []
  let [parameters, bytes] = [0, 0]
  for (const [i, shard] of shards.entries()) {
    const file = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`
    for (const [name, tensor] of shard) {
      if (home.has(name)) throw new CheckpointError(`Tensor '${name}' is given twice.`, { file: dir, field: name })
      home.set(name, file)
      parameters += elementCount(tensor.shape)
      bytes += bytesOf(tensor)
    }
    await writeSafetensors(join(dir, file), shard, options.metadata)
    files.push(file)
  }
  const index = {
    metadata: { total_parameters: parameters, total_size: bytes },
    weight_map: Object.fromEntries([...home].sort(([a], [b]) => (a < b ? -1 : 1))),
  }
  await writeFileAtomic(join(dir, indexFile), `${JSON.stringify(index, null, 2)}\n`)
  return [...files, indexFile]
}
