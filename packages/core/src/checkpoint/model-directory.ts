import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError } from '../errors'
import { recoverDirectory, writeDirectoryAtomic, writeFileAtomic } from './atomic'
import { denied } from './file-errors'
import type { HostTensor, WritableTensor } from './host-tensor'
import { readJsonObject } from './json-file'
import { SafetensorsReader } from './safetensors'
import { openShards } from './sharded-reader'
import { indexFile, shardPattern, weightsFile, writeWeights } from './sharded-writer'
import { finishStaged, writeStaged } from './staged-directory'
import { readAll, type TensorSource } from './tensor-source'
import { TorchFile, type TorchFileOptions } from './torch/index'

const configFile = 'config.json'
const torchFile = 'pytorch_model.bin'
const torchIndexFile = 'pytorch_model.bin.index.json'

/** A model directory open for reading, its tensors one by one. Close it when done, or hold it with `await using`. */
export interface OpenModelDirectory extends AsyncDisposable {
  readonly directory: string
  /** `config.json`, as it stands. */
  readonly config: Record<string, unknown>
  /** The parameters by the names of the checkpoint. */
  readonly tensors: TensorSource
  /** Metadata of the safetensors file (the first one, when sharded); none of PyTorch files. */
  readonly metadata: Record<string, string>
}

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
 * Opens a directory in the Hugging Face layout: `config.json`, and the first that is there of `model.safetensors`, the shards of
 * `model.safetensors.index.json`, `pytorch_model.bin` and the shards of `pytorch_model.bin.index.json`.
 *
 * @param options for PyTorch files.
 * @throws CheckpointError if a file is missing or damaged, or if an index and its shards disagree.
 */
export async function openModelDirectory(dir: string, options: TorchFileOptions = {}): Promise<OpenModelDirectory> {
  await recoverDirectory(dir).catch(denied)
  await finishStaged(dir).catch(denied)
  const names = await readdir(dir).catch((cause: unknown) => {
    throw new CheckpointError('There is no such model directory.', {
      file: dir,
      cure: `Name a folder that holds ${configFile} and ${weightsFile}.`,
      cause,
    })
  })
  const config = await readJsonObject(join(dir, configFile))
  const opened = (tensors: TensorSource, metadata: Record<string, string> = {}): OpenModelDirectory => ({
    directory: dir,
    config,
    tensors,
    metadata,
    [Symbol.asyncDispose]: () => tensors.close(),
  })
  const openTorch = async (path: string) => {
    const file = await TorchFile.open(path, options)
    try {
      return file.tensors()
    } catch (error) {
      await file.close()
      throw error
    }
  }
  if (names.includes(weightsFile)) {
    const reader = await SafetensorsReader.open(join(dir, weightsFile))
    return opened(reader, reader.metadata)
  }
  if (names.includes(indexFile)) {
    const shards = await openShards(join(dir, indexFile), '.safetensors', SafetensorsReader.open)
    return opened(shards, shards.shards[0]?.metadata)
  }
  if (names.includes(torchFile)) return opened(await openTorch(join(dir, torchFile)))
  if (names.includes(torchIndexFile)) return opened(await openShards(join(dir, torchIndexFile), '.bin', openTorch))
  const other = names.find((name) => /\.(pt|pth|ckpt|h5|msgpack)$/.test(name))
  throw new CheckpointError(`It holds neither ${weightsFile} nor ${indexFile}${other ? `, only ${other}` : ''}.`, {
    file: dir,
    cure: other
      ? 'Load it in Python and save it with save_pretrained; a fairseq checkpoint is loaded with fromFairseq.'
      : 'Fetch the whole model directory again.',
  })
}

/**
 * Reads a directory in the Hugging Face layout whole: see {@link openModelDirectory}.
 *
 * @throws CheckpointError if a file is missing or damaged, or if an index and its shards disagree.
 */
export async function readModelDirectory(dir: string, options: TorchFileOptions = {}): Promise<ModelDirectory> {
  await using opened = await openModelDirectory(dir, options)
  const { directory, config, metadata } = opened
  return { directory, config, metadata, tensors: await readAll(opened.tensors) }
}

export interface ModelDirectoryContent {
  /** Written as `config.json`. */
  readonly config: Readonly<Record<string, unknown>>
  /** Written as `model.safetensors` or shards; of lazy tensors, one at a time is in memory. */
  readonly tensors: Iterable<readonly [string, WritableTensor]>
  /** Metadata of the safetensors files; default `{ format: 'pt' }`, which Hugging Face Transformers asks for. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Further files by name, such as `vocab.json` or `preprocessor_config.json`. */
  readonly extraFiles?: Readonly<Record<string, string | Uint8Array>>
  /** Larger models are written as shards of at most this size: bytes, or text such as `5GB` (10^9 bytes each). Default `50GB`. */
  readonly maxShardSize?: number | string
}

/**
 * Writes a model directory in the Hugging Face layout. A directory that is new, or holds nothing but files of a model, is replaced as a
 * whole: readers see the old model or the new one. In a directory with other files (a README, a repository) those are kept; the new
 * model is written whole beside them and moved in, so that at no time half of it is seen.
 *
 * @throws CheckpointError if something cannot be written.
 */
export async function writeModelDirectory(dir: string, content: ModelDirectoryContent): Promise<void> {
  const { config, metadata = { format: 'pt' }, extraFiles = {}, maxShardSize = '50GB' } = content
  for (const name of Object.keys(extraFiles)) {
    if (/[/\\]/.test(name) || ['', '.', '..', configFile, weightsFile, indexFile, 'COMMIT'].includes(name)) {
      throw new CheckpointError(`${JSON.stringify(name)} cannot be the name of a further file.`, {
        file: dir,
        field: name,
      })
    }
  }
  const write = async (to: string) => {
    await mkdir(to, { recursive: true })
    await writeWeights(to, content.tensors, { maxShardSize, metadata })
    for (const [name, data] of Object.entries(extraFiles)) await writeFileAtomic(join(to, name), data)
    await writeFileAtomic(join(to, configFile), `${JSON.stringify(config, null, 2)}\n`)
  }
  const ours = new Set([configFile, weightsFile, indexFile, 'COMMIT', ...Object.keys(extraFiles)])
  const findForeign = async () => {
    const isDirectory = (await stat(dir).catch(() => undefined))?.isDirectory() ?? false
    return isDirectory ? (await readdir(dir)).filter((name) => !ours.has(name) && !shardPattern.test(name)) : []
  }
  if ((await findForeign()).length > 0) return writeStaged(dir, write)
  await writeDirectoryAtomic(dir, async (to) => {
    await write(to)
    // Writing takes long enough for someone else to put a file there, which would go with the old directory.
    const [came] = await findForeign()
    if (came === undefined) return
    throw new CheckpointError(`${JSON.stringify(came)} came into it while the model was written.`, {
      file: dir,
      field: came,
      cure: 'Save again: the file will be kept. Save a processor along with its model, or after it.',
    })
  })
}
