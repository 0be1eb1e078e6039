import { dirname, join } from 'node:path'
import { CheckpointError } from '../errors'
import { readShardIndex } from './shard-index'
import { noSuchTensor, type TensorInfo, type TensorSource } from './tensor-source'

/**
 * Opens all shards that an index names as one source. Only headers are read.
 *
 * @param indexFile such as `model.safetensors.index.json`.
 * @param extension of the shards.
 * @param open opens one shard.
 * @throws CheckpointError if a shard is missing or damaged, lacks a tensor that the index places in it, or holds one that it does not.
 */
export async function openShards<Shard extends TensorSource>(
  indexFile: string,
  extension: string,
  open: (path: string) => Promise<Shard>,
): Promise<TensorSource & { readonly shards: readonly Shard[] }> {
  const index = await readShardIndex(indexFile, extension)
  const shards: Shard[] = []
  const entries = new Map<string, TensorInfo>()
  const homes = new Map<string, Shard>()
  const close = async () => {
    for (const shard of shards) await shard.close()
  }
  try {
    for (const name of [...index.keys()].sort()) {
      const shard = await open(join(dirname(indexFile), name))
      shards.push(shard)
      checkShard(shard, index.get(name)!)
      for (const [tensor, info] of shard.entries) {
        entries.set(tensor, info)
        homes.set(tensor, shard)
      }
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    path: indexFile,
    shards,
    entries,
    async read(name) {
      const home = homes.get(name)
      if (!home) throw noSuchTensor(name, indexFile)
      return home.read(name)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** A tensor that is in two shards is unlisted in one of them, so that both cases are refused here. */
function checkShard(shard: TensorSource, listed: ReadonlySet<string>): void {
  const missing = [...listed].filter((name) => !shard.entries.has(name))
  const unlisted = [...shard.entries.keys()].filter((name) => !listed.has(name))
  if (missing.length === 0 && unlisted.length === 0) return
  const parts = [
    missing.length > 0 ? `lacks ${missing.join(', ')}` : '',
    unlisted.length > 0 ? `holds ${unlisted.join(', ')}, which the index does not place there` : '',
  ]
  throw new CheckpointError(`The shard disagrees with its index: it ${parts.filter(Boolean).join(' and ')}.`, {
    file: shard.path,
    field: missing[0] ?? unlisted[0]!,
    cure: 'The directory is damaged or mixes two models: fetch it again.',
  })
}
