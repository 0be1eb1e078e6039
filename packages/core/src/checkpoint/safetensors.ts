import { type FileHandle, open } from 'node:fs/promises'
import { endianness } from 'node:os'
import { CheckpointError } from '../errors'
import { writeFileAtomic } from './atomic'
import { openError } from './file-errors'
import { checkHostTensor, type HostTensor, type LazyTensor, viewAs, type WritableTensor } from './host-tensor'
import { layOut, parseHeader, parseHeaderLength, type TensorEntry } from './safetensors-header'
import { noSuchTensor, readAll, type TensorSource } from './tensor-source'

/** Tensors of a safetensors file by name, in the order of the file's data, and its free-form metadata. */
export interface SafetensorsFile {
  readonly tensors: Map<string, HostTensor>
  readonly metadata: Record<string, string>
}

/** Bytes moved by one read or write: the system calls take less than 2 GiB at a time. */
const chunkBytes = 2 ** 29

/**
 * A safetensors file open for reading, tensor by tensor: only the header is in memory, so files larger than memory and
 * than 2 GiB can be used. Close it when done, or hold it with `await using`.
 */
export class SafetensorsReader implements TensorSource {
  private constructor(
    readonly path: string,
    readonly metadata: Record<string, string>,
    /** Dtype, shape and place of each tensor, in the order of the data. */
    readonly entries: ReadonlyMap<string, TensorEntry>,
    private readonly handle: FileHandle,
    private readonly dataStart: number,
  ) {}

  /**
   * Opens a file and checks its header strictly.
   *
   * @throws CheckpointError if the file is missing or is not a well-formed safetensors file.
   */
  static async open(path: string): Promise<SafetensorsReader> {
    requireLittleEndian()
    const handle = await open(path, 'r').catch((cause: unknown) => {
      throw openError(path, cause)
    })
    try {
      const stat = await handle.stat()
      if (!stat.isFile())
        throw new CheckpointError('This is not a file.', { file: path, cure: 'Name the .safetensors file itself.' })
      const prefix = new Uint8Array(8)
      await readFully(handle, prefix, 0, Math.min(8, stat.size), path)
      const headerBytes = parseHeaderLength(prefix, stat.size, path)
      const header = new Uint8Array(headerBytes)
      await readFully(handle, header, 8, headerBytes, path)
      const { entries, metadata } = parseHeader(header, stat.size - 8 - headerBytes, path)
      return new SafetensorsReader(path, metadata, entries, handle, 8 + headerBytes)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Reads one tensor; each call gives a fresh copy. */
  async read(name: string): Promise<HostTensor> {
    const entry = this.entries.get(name)
    if (entry === undefined) throw noSuchTensor(name, this.path)
    const bytes = new Uint8Array(entry.end - entry.begin)
    await readFully(this.handle, bytes, this.dataStart + entry.begin, bytes.length, this.path)
    return { data: viewAs(entry.dtype, bytes.buffer), shape: entry.shape, dtype: entry.dtype }
  }

  async close(): Promise<void> {
    await this.handle.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * Reads a whole safetensors file, byte for byte.
 *
 * @throws CheckpointError if the file is missing or is not a well-formed safetensors file, naming the tensor at fault.
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  await using reader = await SafetensorsReader.open(path)
  return { tensors: await readAll(reader), metadata: reader.metadata }
}

/** Reads a safetensors file that is already in memory; the tensors are copies. `file` is named in errors. */
export function decodeSafetensors(bytes: Uint8Array, file?: string): SafetensorsFile {
  requireLittleEndian()
  const headerBytes = parseHeaderLength(bytes.subarray(0, 8), bytes.length, file)
  const dataStart = 8 + headerBytes
  const { entries, metadata } = parseHeader(bytes.subarray(8, dataStart), bytes.length - dataStart, file)
  const tensors = new Map<string, HostTensor>()
  for (const [name, { dtype, shape, begin, end }] of entries) {
    const copy = new Uint8Array(end - begin)
    copy.set(bytes.subarray(dataStart + begin, dataStart + end))
    tensors.set(name, { data: viewAs(dtype, copy.buffer), shape, dtype })
  }
  return { tensors, metadata }
}

/** The bytes that {@link writeSafetensors} would write. */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, HostTensor]>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  requireLittleEndian()
  const layout = layOut(tensors, metadata)
  const data = (tensor: WritableTensor) => (tensor as HostTensor).data
  const dataBytes = layout.tensors.reduce((sum, [, tensor]) => sum + data(tensor).byteLength, 0)
  const out = new Uint8Array(layout.header.length + dataBytes)
  out.set(layout.header)
  let at = layout.header.length
  for (const [, tensor] of layout.tensors) {
    const values = data(tensor)
    out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at)
    at += values.byteLength
  }
  return out
}

/**
 * Writes a safetensors file atomically: at `path` is the old file or the whole new one, never a part. The bytes are a
 * function of the tensors and the metadata alone, and equal those of the reference implementation. Of tensors that are given as
 * {@link LazyTensor}, one at a time is in memory.
 *
 * @throws CheckpointError if a name comes twice, a tensor contradicts itself, or the file cannot be written.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, WritableTensor]>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  requireLittleEndian()
  const layout = layOut(tensors, metadata, path)
  await writeFileAtomic(path, async (handle) => {
    await writeFully(handle, layout.header)
    for (const [name, tensor] of layout.tensors) {
      const { data } = 'data' in tensor ? tensor : await fetchTensor(name, tensor, path)
      await writeFully(handle, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    }
  })
}

/** The values of a tensor that was announced, if they are as announced. */
async function fetchTensor(name: string, announced: LazyTensor, file: string): Promise<HostTensor> {
  const tensor = await announced.read()
  checkHostTensor(name, tensor, file)
  if (tensor.dtype !== announced.dtype || tensor.shape.join() !== announced.shape.join()) {
    throw new CheckpointError(
      `Tensor '${name}' was announced as ${announced.dtype} [${announced.shape}] and came as ${tensor.dtype} [${tensor.shape}].`,
      { file, field: name },
    )
  }
  return tensor
}

async function readFully(
  handle: FileHandle,
  into: Uint8Array,
  position: number,
  length: number,
  file: string,
): Promise<void> {
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(into, done, Math.min(chunkBytes, length - done), position + done)
    if (bytesRead === 0) {
      throw new CheckpointError(`The file ended at byte ${position + done} while it was read.`, {
        file,
        cure: 'Something else is writing to it: wait until that is done.',
      })
    }
    done += bytesRead
  }
}

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, Math.min(chunkBytes, bytes.length - done))).bytesWritten
  }
}

/** The format is little-endian and tensors are viewed in place. */
function requireLittleEndian(): void {
  if (endianness() !== 'LE') throw new CheckpointError('Safetensors files cannot be used on a big-endian machine.')
}
