import { dtypeBytes } from '../host-tensor'
import { ByteInput, type ByteSource } from './byte-source'
import { type PickleHost, unpickle } from './pickle-machine'
import { type PickleValue, TorchStorage } from './pickle-values'
import type { StorageMap } from './torch-file'
import { TorchFileError } from './torch-file-error'

/** A pickle of the number with which `torch.save` began its files before PyTorch 1.6. */
const magic = Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e)
const protocolVersion = 1001

export const isLegacy = (source: ByteSource): boolean =>
  source.size >= magic.length && source.view(0, magic.length).every((byte, i) => byte === magic[i])

/**
 * The format of `torch.save` before PyTorch 1.6, in which many of fairseq's published checkpoints are: pickles of a magic number, a
 * version, the machine, the object and the storages' keys, and then the storages, each after its number of elements.
 */
export const readLegacy = (
  source: ByteSource,
  hostOf: (persistent: PickleHost['persistent']) => PickleHost,
  storageOf: (id: PickleValue) => TorchStorage,
): { value: PickleValue; storages: StorageMap } => {
  const { file } = source
  const refuse = (what: string): never => {
    throw new TorchFileError(what, 'bad-storage', { file })
  }
  const input = new ByteInput(source, magic.length, source.size)
  const plain = hostOf(() => refuse('A storage comes before the object.'))
  const version = unpickle(input, plain)
  if (version !== protocolVersion)
    refuse(`Its format is ${typeof version === 'number' ? version : 'no number'}, not ${protocolVersion}.`)
  const machine = unpickle(input, plain)
  if (machine instanceof Map && machine.get('little_endian') === false) {
    throw new TorchFileError('Its byte order is big-endian.', 'big-endian', {
      file,
      cure: 'Save it again on a little-endian machine.',
    })
  }
  const storages = new Map<string, { dtype: TorchStorage['dtype']; length: number; at?: number }>()
  const value = unpickle(
    input,
    hostOf((id) => {
      const storage = storageOf(id)
      const known = storages.get(storage.key)
      if (known && (known.length !== storage.length || known.dtype !== storage.dtype)) {
        refuse(`Storage '${storage.key}' has two sizes.`)
      }
      const { key, dtype, length } = storage
      if (length * dtypeBytes(dtype) > source.size) refuse(`Storage '${key}' is longer than the file.`)
      storages.set(key, { dtype, length })
      const view = Array.isArray(id) ? id[5] : undefined
      if (!Array.isArray(view)) return storage
      const [, start, viewLength] = view
      const isCount = (number: unknown): number is number => Number.isSafeInteger(number) && (number as number) >= 0
      if (!isCount(start) || !isCount(viewLength) || start + viewLength > length) {
        return refuse(`A view reaches out of storage '${key}'.`)
      }
      return new TorchStorage(key, dtype, viewLength, start)
    }),
  )
  const keys = unpickle(input, plain)
  if (!Array.isArray(keys)) return refuse('The list of storages is missing.')
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined
    if (!storage || storage.at !== undefined)
      return refuse(`Storage '${typeof key === 'string' ? key.slice(0, 40) : 'without a name'}' is not expected.`)
    const bytes = input.take(8)
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true))
    if (length !== storage.length) refuse(`Storage '${key}' has ${length} elements, not ${storage.length}.`)
    storage.at = input.at
    const size = length * dtypeBytes(storage.dtype)
    if (size > input.remaining) refuse(`Storage '${key}' is cut off.`)
    input.at += size
  }
  const locate = (key: string) => {
    const at = storages.get(key)?.at ?? refuse(`Storage '${key}' is missing.`)
    return { at, verify: () => undefined }
  }
  for (const key of storages.keys()) locate(key)
  return { value, storages: { check: () => undefined, locate } }
}
