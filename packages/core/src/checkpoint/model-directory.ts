import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError } from '../errors'
import { openError, recoverDirectory, writeDirectoryAtomic, writeFileAtomic } from './atomic'
import type { HostTensor } from './host-tensor'
import { readSafetensors, SafetensorsReader, writeSafetensors } from './safetensors'

const configFile = 'config.json'
const weightsFile = 'model.safetensors'
const indexFile = 'model.safetensors.index.json'

/** A model in the Hugging Face layout: its configuration and parameters. */
export interface ModelDirectory {
  readonly directory: string
  /** `config.json`, as it stands. */
  readonly config: Record<string, unknown>
  /** Parameters by the names of the checkpoint. */
  readonly tensors: Map<string, HostTensor>
  /** Metadata of the safetensors file (the first one, when sharded). */
  readonly metadata: Record<string, string>
}

/**
 * Reads `config.json` and `model.safetensors` (or the shards that `model.safetensors.index.json` lists) of a directory.
 *
 * @throws CheckpointError if a file is missing or damaged, or if the index and the shards disagree.
 */
export async function readModelDirectory(dir: string): Promise<ModelDirectory> {
  await recoverDirectory(dir)
  const names = await readdir(dir).catch((cause: unknown) => {
    throw new CheckpointError('There is no such model directory.', {
      file: dir,
      cure: `Name a folder that holds ${configFile} and ${weightsFile}.`,
      cause,
    })
  })
  const config = await readJsonObject(join(dir, configFile))
  if (names.includes(weightsFile)) {
    return { directory: dir, config, ...(await readSafetensors(join(dir, weightsFile))) }
  }
  if (names.includes(indexFile)) return { directory: dir, config, ...(await readShards(dir)) }
  const other = names.find((name) => /\.(bin|pt|pth|ckpt|h5|msgpack)$/.test(name))
  throw new CheckpointError(`It holds neither ${weightsFile} nor ${indexFile}${other ? `, only ${other}` : ''}.`, {
    file: dir,
    cure: other
      ? `Load it in Python and save it with save_pretrained(..., safe_serialization=True).`
      : 'Fetch the whole model directory again.',
  })
}

async function readShards(dir: string): Promise<Pick<ModelDirectory, 'tensors' | 'metadata'>> {
  const file = join(dir, indexFile)
  const map = (await readJsonObject(file)).weight_map
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new CheckpointError('It has no weight_map.', {
      file,
      field: 'weight_map',
      cure: 'Fetch the model directory again.',
    })
  }
  const namesByShard = new Map<string, Set<string>>()
  for (const [name, shard] of Object.entries(map)) {
    // A shard is a file of this very directory: an index must not be able to reach anywhere else.
    if (typeof shard !== 'string' || !/^[^/\\]+\.safetensors$/.test(shard)) {
      throw new CheckpointError(
        `Tensor '${name}' is mapped to ${JSON.stringify(shard)}, not to a .safetensors file beside it.`,
        {
          file,
          field: name,
          cure: 'Fetch the model directory again.',
        },
      )
    }
    if (!namesByShard.has(shard)) namesByShard.set(shard, new Set())
    namesByShard.get(shard)!.add(name)
  }
  const tensors = new Map<string, HostTensor>()
  let metadata: Record<string, string> | undefined
  for (const shard of [...namesByShard.keys()].sort()) {
    const reader = await SafetensorsReader.open(join(dir, shard))
    try {
      metadata ??= reader.metadata
      const listed = namesByShard.get(shard)!
      const missing = [...listed].filter((name) => !reader.entries.has(name))
      const unlisted = [...reader.entries.keys()].filter((name) => !listed.has(name))
      if (missing.length > 0 || unlisted.length > 0) {
        const parts = [
          missing.length > 0 ? `lacks ${missing.join(', ')}` : '',
          unlisted.length > 0 ? `holds ${unlisted.join(', ')}, which the index does not place there` : '',
        ]
        throw new CheckpointError(`The shard disagrees with ${indexFile}: it ${parts.filter(Boolean).join(' and ')}.`, {
          file: reader.path,
          cure: 'The directory mixes two models: fetch it again.',
        })
      }
      for (const name of reader.entries.keys()) tensors.set(name, await reader.read(name))
    } finally {
      await reader.close()
    }
  }
  return { tensors, metadata: metadata ?? {} }
}

async function readJsonObject(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw openError(file, cause)
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new CheckpointError(`It is not JSON: ${(cause as Error).message}.`, {
      file,
      cure: 'Correct it or fetch it again.',
      cause,
    })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CheckpointError('It does not hold a JSON object.', { file, cure: 'Correct it or fetch it again.' })
  }
  return value as Record<string, unknown>
}

export interface ModelDirectoryContent {
  /** Written as `config.json`. */
  readonly config: Readonly<Record<string, unknown>>
  /** Written as `model.safetensors`, byte for byte. */
  readonly tensors: Iterable<readonly [string, HostTensor]>
  /** Metadata of `model.safetensors`; default `{ format: 'pt' }`, which Hugging Face Transformers asks for. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Further files by name, such as `vocab.json` or `preprocessor_config.json`. */
  readonly extraFiles?: Readonly<Record<string, string | Uint8Array>>
}

/**
 * Writes a model directory in the Hugging Face layout. A directory that is new, or holds nothing but files of the same
 * names, is replaced as a whole: readers see the old model or the new one. In a directory with other files (a README, a
 * repository) those are kept, and each file of the model is replaced atomically by itself, `config.json` last.
 *
 * @throws CheckpointError if something cannot be written.
 */
export async function writeModelDirectory(dir: string, content: ModelDirectoryContent): Promise<void> {
  const { config, metadata = { format: 'pt' }, extraFiles = {} } = content
  for (const name of Object.keys(extraFiles)) {
    if (/[/\\]/.test(name) || ['', '.', '..', configFile, weightsFile, indexFile].includes(name)) {
      throw new CheckpointError(`${JSON.stringify(name)} cannot be the name of a further file.`, {
        file: dir,
        field: name,
      })
    }
  }
  const write = async (to: string) => {
    await mkdir(to, { recursive: true })
    await writeSafetensors(join(to, weightsFile), content.tensors, metadata)
    for (const [name, data] of Object.entries(extraFiles)) await writeFileAtomic(join(to, name), data)
    await writeFileAtomic(join(to, configFile), `${JSON.stringify(config, null, 2)}\n`)
  }
  const ours = new Set([configFile, weightsFile, 'COMMIT', ...Object.keys(extraFiles)])
  const isDirectory = (await stat(dir).catch(() => undefined))?.isDirectory() ?? false
  const foreign = isDirectory ? (await readdir(dir)).filter((name) => !ours.has(name)) : []
  if (foreign.length === 0) await writeDirectoryAtomic(dir, write)
  else {
    await write(dir)
    // The shards of an older model stay, but nothing points to them any more.
    await rm(join(dir, indexFile), { force: true })
  }
}
