import { dtypeBytes, type HostTensor } from '../host-tensor'
import { noSuchTensor, type TensorSource } from '../tensor-source'
import { isAllowedGlobal, modernModule, storageDtypes } from './allowed-globals'
import { ByteInput, type ByteSource, MemorySource, openSource } from './byte-source'
import { isLegacy, readLegacy } from './legacy'
import { MemoryBudget } from './memory-budget'
import { type PickleHost, unpickle } from './pickle-machine'
import { PickleGlobal, type PickleValue, TorchStorage, TorchTensor } from './pickle-values'
import { build, construct } from './torch-constructors'
import { TorchFileError } from './torch-file-error'
import { readTorchTensor } from './torch-tensor'
import { ZipArchive } from './zip'

export interface TorchFileOptions {
  /**
   * What a class or function does that is not on the list of safe ones: `refuse` the file (default), or be kept as a `PickleRecord` of
   * names and data. Either way nothing of it runs.
   */
  readonly unknownGlobals?: 'refuse' | 'record'
  /** Compare the checksums of zip archives. Default true. */
  readonly checksums?: boolean
  /** Most memory, in bytes, that the objects of the pickle (not the tensors) may take. Default 64 MiB and twice the file's size. */
  readonly memoryLimit?: number
}

/** Where storages lie in the file, by key. */
export interface StorageMap {
  /** Checks that a storage is there and as long as the pickle says. */
  check(key: string, bytes: number): void
  locate(key: string): { at: number; verify: (bytes: Uint8Array) => void }
}

/**
 * A file that `torch.save` wrote (`.pt`, `.pth`, `.bin`), read without Python and without running anything that the file asks for: its
 * objects become plain data, its tensors are read when they are wanted. Close it when done, or hold it with `await using`.
 */
export class TorchFile implements AsyncDisposable {
  private constructor(
    readonly path: string,
    /** What was saved. */
    readonly value: PickleValue,
    private readonly source: ByteSource,
    private readonly storages: StorageMap,
  ) {}

  /**
   * Opens a file and reads its objects.
   *
   * @throws TorchFileError naming the fault: a damaged file, a name that is not safe, a tensor that does not fit its storage.
   */
  static async open(path: string, options: TorchFileOptions = {}): Promise<TorchFile> {
    const source = await openSource(path)
    try {
      return TorchFile.read(source, options)
    } catch (error) {
      await source.close()
      throw error
    }
  }

  /** Reads a file that is in memory. `file` is named in errors. */
  static parse(bytes: Uint8Array, file = 'memory', options: TorchFileOptions = {}): TorchFile {
    return TorchFile.read(new MemorySource(bytes, file), options)
  }

  private static read(source: ByteSource, options: TorchFileOptions): TorchFile {
    const { file } = source
    const budget = new MemoryBudget(options.memoryLimit ?? 2 ** 26 + 2 * source.size, file)
    const unknown = options.unknownGlobals ?? 'refuse'
    const hostOf = (storage: PickleHost['persistent']): PickleHost => ({
      file,
      budget,
      findGlobal: (module, name) => findGlobal(module, name, file, unknown),
      construct: (global, args) => construct(global, args, file, unknown === 'record'),
      build: (object, state) => build(object, state, file),
      persistent: storage,
    })
    if (ZipArchive.isZip(source)) {
      const { pickle, storages } = openArchive(source, options.checksums ?? true)
      const host = hostOf((id) => {
        const storage = storageOf(id, file)
        storages.check(storage.key, storage.length * dtypeBytes(storage.dtype))
        return storage
      })
      return new TorchFile(file, unpickle(pickle, host), source, storages)
    }
    if (isLegacy(source)) {
      const { value, storages } = readLegacy(source, hostOf, (id) => storageOf(id, file))
      return new TorchFile(file, value, source, storages)
    }
    throw new TorchFileError('It is neither a zip archive nor of the older format of torch.save.', 'not-a-torch-file', {
      file,
    })
  }

  /** Reads a tensor's numbers, row by row; each call gives a fresh copy. */
  read(tensor: TorchTensor): Promise<HostTensor> {
    const { at, verify } = this.storages.locate(tensor.storage.key)
    return readTorchTensor(this.source, at, tensor, verify)
  }

  /**
   * The tensors of a state dict.
   *
   * @param keys where it lies in what was saved: `['model']` in fairseq's checkpoints; by default it is the whole.
   * @throws TorchFileError if there is no state dict, or it holds something else than tensors. The source closes this file.
   */
  tensors(keys: readonly string[] = []): TensorSource {
    const file = this.path
    let dict: PickleValue | undefined = this.value
    for (const key of keys) dict = dict instanceof Map ? dict.get(key) : undefined
    const what = keys.length > 0 ? `'${keys.join('.')}'` : 'what was saved'
    if (!(dict instanceof Map)) {
      throw new TorchFileError(`There are no tensors by name in it: ${what} is not a dict.`, 'bad-structure', {
        file,
        cure: 'Save model.state_dict(), or name where it is.',
      })
    }
    const entries = new Map<string, TorchTensor>()
    for (const [name, tensor] of dict) {
      if (typeof name === 'string' && tensor instanceof TorchTensor) {
        entries.set(name, tensor)
        continue
      }
      const isText = typeof name === 'string'
      throw new TorchFileError(
        isText ? `'${name}' of ${what} is not a tensor.` : `A name of ${what} is no text.`,
        'bad-structure',
        {
          file,
          ...(isText && { field: name }),
          cure: 'Save model.state_dict() alone, or name where it is.',
        },
      )
    }
    const close = () => this.close()
    return {
      path: file,
      entries,
      read: async (name) => {
        const tensor = entries.get(name)
        if (!tensor) throw noSuchTensor(name, file)
        return this.read(tensor)
      },
      close,
      [Symbol.asyncDispose]: close,
    }
  }

  close(): Promise<void> {
    return this.source.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function findGlobal(module: string, name: string, file: string, unknown: 'refuse' | 'record'): PickleGlobal {
  const modern = modernModule(module)
  if (unknown === 'record' || isAllowedGlobal(modern, name)) return new PickleGlobal(modern, name)
  const path = JSON.stringify(`${module}.${name}`.slice(0, 200))
  throw new TorchFileError(
    `It names ${path}, which is not among the classes that checkpoints are read with.`,
    'forbidden-global',
    {
      file,
      field: `${module}.${name}`.slice(0, 200),
      cure:
        'If you trust the file, load it with { unknownGlobals: "record" }, which keeps it as data. ' +
        'A checkpoint that names os, subprocess, builtins.eval or the like is an attack on those who load it in Python.',
    },
  )
}

/** A storage's persistent id: ('storage', class, key, device, elements), and in older files what it is a view of. */
function storageOf(id: PickleValue, file: string): TorchStorage {
  const [kind, type, key, , length] = Array.isArray(id) ? id : []
  const dtype = type instanceof PickleGlobal && type.module === 'torch' ? storageDtypes.get(type.name) : undefined
  if (kind !== 'storage' || typeof key !== 'string' || !Number.isSafeInteger(length) || (length as number) < 0) {
    throw new TorchFileError('A reference is not to a storage.', 'bad-storage', { file })
  }
  if (dtype === undefined) {
    const name = type instanceof PickleGlobal ? type.name : 'an unknown class'
    throw new TorchFileError(`A storage is of ${name}, which is not read.`, 'unsupported-tensor', { file, cure: '' })
  }
  return new TorchStorage(key, dtype, length as number)
}

function openArchive(source: ByteSource, checksums: boolean): { pickle: ByteInput; storages: StorageMap } {
  const { file } = source
  const archive = ZipArchive.open(source)
  const pickles = [...archive.entries.values()].filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name))
  const entry = pickles[0]
  if (entry === undefined || pickles.length > 1) {
    const other = [...archive.entries.keys()].some((name) => /^[^/]+\/(code|constants\.pkl)/.test(name))
    throw new TorchFileError(
      `It holds ${pickles.length === 0 ? 'no data.pkl' : 'several data.pkl'}.`,
      'not-a-torch-file',
      {
        file,
        cure: other ? 'It is a TorchScript program: save the state_dict instead.' : 'Save it with torch.save.',
      },
    )
  }
  const root = entry.name.slice(0, -'data.pkl'.length)
  const order = archive.entries.get(`${root}byteorder`)
  if (order && order.size <= 16) {
    const text = new TextDecoder('latin1').decode(source.view(archive.locate(order), order.size)).trim()
    if (text !== 'little') {
      throw new TorchFileError(`Its byte order is ${JSON.stringify(text)}.`, 'big-endian', {
        file,
        cure: 'Save it again on a little-endian machine.',
      })
    }
  }
  const at = archive.locate(entry)
  if (checksums) archive.verify(entry, source.view(at, entry.size))
  const find = (key: string) => {
    const storage = archive.entries.get(`${root}data/${key}`)
    if (storage) return storage
    throw new TorchFileError(`Storage '${key}' is missing.`, 'bad-storage', { file, field: key })
  }
  return {
    pickle: new ByteInput(source, at, at + entry.size),
    storages: {
      check(key, bytes) {
        const { size } = find(key)
        if (size === bytes) return
        throw new TorchFileError(`Storage '${key}' has ${size} bytes, not the ${bytes} of the pickle.`, 'bad-storage', {
          file,
          field: key,
        })
      },
      locate(key) {
        const storage = find(key)
        const verify = (bytes: Uint8Array) => {
          if (checksums) archive.verify(storage, bytes)
        }
        return { at: archive.locate(storage), verify }
      },
    },
  }
}
