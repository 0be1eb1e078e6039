import { CheckpointError } from '../errors'
import { HeaderJsonReader, HeaderSyntaxError } from './header-json'
import { readText } from './json-file'

const mixed = 'The directory is damaged or mixes two models: fetch it again.'

/**
 * Reads which shard each tensor is in from a `*.index.json`: the names of tensors by shard, in the order of the index.
 *
 * @param extension of the shards, such as `.safetensors`.
 * @throws CheckpointError if it is no such index, names a tensor twice, or points anywhere but to files beside it.
 */
export async function readShardIndex(file: string, extension: string): Promise<Map<string, Set<string>>> {
  const text = await readText(file)
  const shards = new Map<string, Set<string>>()
  let found = false
  const readMap = (json: HeaderJsonReader) => {
    found = true
    if (json.peek() !== '{') json.fail('weight_map is not an object')
    json.readObject((name) => {
      const shard = json.peek() === '"' ? json.readString() : undefined
      if (shard === undefined || !isPlainName(shard, extension)) {
        throw new CheckpointError(
          `Tensor '${name}' is mapped to ${JSON.stringify(shard ?? null)}, not to a ${extension} file beside it.`,
          { file, field: name, cure: mixed },
        )
      }
      const names = shards.get(shard) ?? new Set<string>()
      shards.set(shard, names.add(name))
    })
  }
  try {
    const json = new HeaderJsonReader(text)
    json.readObject((key) => (key === 'weight_map' ? readMap(json) : json.skip()))
    json.end()
  } catch (cause) {
    if (!(cause instanceof HeaderSyntaxError)) throw cause
    throw new CheckpointError(`It is not an index of shards: ${cause.message}.`, {
      file,
      field: 'weight_map',
      cure: mixed,
      cause,
    })
  }
  if (!found) throw new CheckpointError('It has no weight_map.', { file, field: 'weight_map', cure: mixed })
  return shards
}

/** A shard is a file of the index's own directory: an index must not be able to reach anywhere else. */
const isPlainName = (name: string, extension: string): boolean =>
  name.endsWith(extension) && name.length > extension.length && !/[/\\:\0]/.test(name) && !name.startsWith('.')
