import { CheckpointError } from '../errors'
import { dtypeBytes, elementCount, type HostTensor, type LazyTensor, type SafetensorsDtype } from './host-tensor'

/** What is known of a tensor before it is read. */
export interface TensorInfo {
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
}

/**
 * Tensors by name that are read one at a time: a safetensors file, its shards, a PyTorch file. Close it when done, or hold it with
 * `await using`.
 */
export interface TensorSource extends AsyncDisposable {
  /** The file or directory, for messages. */
  readonly path: string
  readonly entries: ReadonlyMap<string, TensorInfo>
  /** Reads one tensor; each call gives a fresh copy. Throws CheckpointError for a name that is not there. */
  read(name: string): Promise<HostTensor>
  close(): Promise<void>
}

/** Reads all tensors of a source into memory. */
export async function readAll(source: TensorSource): Promise<Map<string, HostTensor>> {
  const tensors = new Map<string, HostTensor>()
  for (const name of source.entries.keys()) tensors.set(name, await source.read(name))
  return tensors
}

/** The tensors of a source for a writer, which then reads them one by one. */
export function* lazyTensors(source: TensorSource): Generator<[string, LazyTensor]> {
  for (const [name, { dtype, shape }] of source.entries) {
    yield [name, { dtype, shape, read: () => source.read(name) }]
  }
}

/** Bytes of a tensor's values. */
export function tensorBytes({ dtype, shape }: TensorInfo): number {
  return elementCount(shape) * dtypeBytes(dtype)
}

/**
 * A source under other names. `rename` gives a tensor's new name, or undefined for one that is left out. Closing it closes the
 * source.
 *
 * @throws CheckpointError if two tensors come to have one name.
 */
export function renameTensors(source: TensorSource, rename: (name: string) => string | undefined): TensorSource {
  const entries = new Map<string, TensorInfo>()
  const origin = new Map<string, string>()
  for (const [name, info] of source.entries) {
    const renamed = rename(name)
    if (renamed === undefined) continue
    const other = origin.get(renamed)
    if (other !== undefined) {
      throw new CheckpointError(`The tensors '${other}' and '${name}' are both ${renamed}.`, {
        file: source.path,
        field: renamed,
        cure: 'Remove one of them from the checkpoint.',
      })
    }
    origin.set(renamed, name)
    entries.set(renamed, info)
  }
  return {
    path: source.path,
    entries,
    async read(name) {
      const original = origin.get(name)
      if (original === undefined) throw noSuchTensor(name, source.path)
      return source.read(original)
    },
    close: () => source.close(),
    [Symbol.asyncDispose]: () => source.close(),
  }
}

/** A source with further tensors, in place of those of the same names. Closing it closes the source. */
export function addTensors(source: TensorSource, more: ReadonlyMap<string, HostTensor>): TensorSource {
  return {
    path: source.path,
    entries: new Map<string, TensorInfo>([...source.entries, ...more]),
    read: async (name) => more.get(name) ?? source.read(name),
    close: () => source.close(),
    [Symbol.asyncDispose]: () => source.close(),
  }
}

export function noSuchTensor(name: string, file: string): CheckpointError {
  return new CheckpointError(`There is no tensor '${name}'.`, { file, field: name })
}
