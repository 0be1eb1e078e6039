import { CheckpointError } from '../errors'
import { HeaderJsonReader, HeaderSyntaxError } from './header-json'
import {
  checkHostTensor,
  checkLazyTensor,
  dtypeBytes,
  elementCount,
  isSafetensorsDtype,
  type SafetensorsDtype,
  safetensorsDtypes,
  type WritableTensor,
} from './host-tensor'
import { SafetensorsError, type SafetensorsFault } from './safetensors-fault'

/** Longest header that is read, in bytes: the reference implementation's bound. */
const maxHeaderBytes = 100_000_000

/** Where one tensor lies in a safetensors file. `begin` and `end` count bytes from the end of the header. */
export interface TensorEntry {
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

interface SafetensorsHeader {
  /** In the order of the data. */
  readonly entries: ReadonlyMap<string, TensorEntry>
  readonly metadata: Record<string, string>
}

/** Sizes a tensor may have: no array library goes further, and a hostile header shall not. */
const maxRank = 64

/**
 * Length of the header in bytes, from the first 8 bytes of a file of `fileBytes` bytes.
 *
 * @throws SafetensorsError if the file cannot hold such a header, before anything of that size is allocated.
 */
export function parseHeaderLength(prefix: Uint8Array, fileBytes: number, file?: string): number {
  if (prefix.length < 8 || fileBytes < 8) {
    throw new SafetensorsError(`The file has ${fileBytes} bytes, too few for a safetensors header.`, 'file-too-small', {
      file,
    })
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true)
  if (length > BigInt(maxHeaderBytes)) {
    throw new SafetensorsError(
      `The header claims ${length} bytes, more than the ${maxHeaderBytes} allowed.`,
      'header-too-large',
      { file },
    )
  }
  if (Number(length) > fileBytes - 8) {
    throw new SafetensorsError(
      `The header claims ${length} bytes, but only ${fileBytes - 8} follow.`,
      'header-truncated',
      { file },
    )
  }
  return Number(length)
}

/**
 * Parses and checks a header: every tensor's range must match its dtype and shape, and together the ranges must cover the
 * `dataBytes` bytes after the header exactly once.
 *
 * @throws SafetensorsError naming the fault and the tensor.
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file?: string): SafetensorsHeader {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new SafetensorsError('The header is not UTF-8 text.', 'header-not-utf8', { file, cause })
  }
  const { entries: found, metadata } = readEntries(text, file)
  found.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  const fail = (message: string, fault: SafetensorsFault, field?: string): never => {
    throw new SafetensorsError(message, fault, { file, field })
  }
  let covered = 0
  for (const [name, { begin, end }] of found) {
    const tensor = `Tensor '${name}' at [${begin}, ${end}]`
    if (begin < covered) fail(`${tensor} overlaps the tensor before it.`, 'overlap', name)
    if (end > dataBytes) fail(`${tensor} ends past the ${dataBytes} bytes of data.`, 'past-end', name)
    if (begin > covered) {
      fail(`Bytes ${covered} to ${begin}, before tensor '${name}', belong to no tensor.`, 'hole', name)
    }
    covered = end
  }
  if (covered !== dataBytes) fail(`The last ${dataBytes - covered} bytes belong to no tensor.`, 'trailing-bytes')
  return { entries: new Map(found), metadata }
}

function readEntries(
  text: string,
  file?: string,
): { entries: [string, TensorEntry][]; metadata: Record<string, string> } {
  const entries: [string, TensorEntry][] = []
  // Without a prototype, so that the key __proto__ is one like any other.
  const metadata = Object.create(null) as Record<string, string>
  try {
    // The format says that the first byte is '{', not white space.
    if (!text.startsWith('{')) {
      throw new SafetensorsError("The header is not a JSON object: it does not begin with '{'.", 'header-not-object', {
        file,
      })
    }
    const json = new HeaderJsonReader(text)
    json.readObject((name) => {
      if (name === '__metadata__') readMetadata(json, metadata, file)
      else entries.push([name, readEntry(json, name, file)])
    })
    json.end()
  } catch (cause) {
    if (!(cause instanceof HeaderSyntaxError)) throw cause
    throw new SafetensorsError(`The header is not the JSON of tensors: ${cause.message}.`, cause.fault, { file, cause })
  }
  return { entries, metadata: { ...metadata } }
}

function readMetadata(json: HeaderJsonReader, metadata: Record<string, string>, file?: string): void {
  const field = '__metadata__'
  if (json.peek() !== '{') {
    throw new SafetensorsError('__metadata__ is not an object of strings.', 'metadata-not-object', { file, field })
  }
  json.readObject((key) => {
    if (json.peek() !== '"') {
      const message = `__metadata__ holds a value at '${key}' that is not a string.`
      throw new SafetensorsError(message, 'metadata-not-string', { file, field })
    }
    metadata[key] = json.readString()
  })
}

function readEntry(json: HeaderJsonReader, name: string, file?: string): TensorEntry {
  const fail = (message: string, fault: SafetensorsFault): never => {
    throw new SafetensorsError(message, fault, { file, field: name })
  }
  const numbers = (key: string): number[] => {
    const out: number[] = []
    if (json.peek() !== '[') fail(`The ${key} of tensor '${name}' is not a list.`, 'bad-entry')
    json.readArray(() => {
      if (!/[-\d]/.test(json.peek()))
        fail(`The ${key} of tensor '${name}' holds something else than numbers.`, 'bad-entry')
      out.push(json.readInteger())
      if (out.length > maxRank) fail(`The ${key} of tensor '${name}' has more than ${maxRank} numbers.`, 'bad-entry')
    })
    return out
  }
  if (json.peek() !== '{') fail(`The entry of tensor '${name}' is not an object.`, 'bad-entry')
  let dtype: string | undefined
  let shape: number[] | undefined
  let offsets: number[] | undefined
  json.readObject((key) => {
    if (key === 'dtype' && json.peek() === '"') dtype = json.readString()
    else if (key === 'shape') shape = numbers(key)
    else if (key === 'data_offsets') offsets = numbers(key)
    else json.skip()
  })
  if (!isSafetensorsDtype(dtype)) {
    return fail(
      `Tensor '${name}' has the unknown dtype ${JSON.stringify(dtype ?? null)}; known are ${safetensorsDtypes.join(', ')}.`,
      'unknown-dtype',
    )
  }
  if (!shape) return fail(`Tensor '${name}' has no shape.`, 'bad-entry')
  if (offsets?.length !== 2) return fail(`Tensor '${name}' has no pair of data_offsets.`, 'bad-entry')
  const [begin, end] = offsets as [number, number]
  if (end < begin) fail(`Tensor '${name}' at [${begin}, ${end}] ends before it begins.`, 'offsets-reversed')
  const bytes = elementCount(shape) * dtypeBytes(dtype)
  if (!Number.isSafeInteger(bytes)) {
    fail(`Tensor '${name}' of shape [${shape.join(', ')}] is too large to exist.`, 'overflow')
  }
  if (bytes !== end - begin) {
    fail(
      `Tensor '${name}' of shape [${shape.join(', ')}] and dtype ${dtype} needs ${bytes} bytes, but its offsets span ${end - begin}.`,
      'size-mismatch',
    )
  }
  return { dtype, shape, begin, end }
}

/** A header ready to write, and the tensors in the order in which their data follows it. */
interface SafetensorsLayout {
  /** The 8-byte length, the JSON, and the spaces that make the data begin at a multiple of 8 bytes. */
  readonly header: Uint8Array
  readonly tensors: readonly (readonly [string, WritableTensor])[]
}

/**
 * Lays a file out canonically, so that equal tensors and metadata give equal bytes: tensors by dtype (widest first, which
 * keeps each aligned to its element) and then by name, metadata by key, JSON without spaces. This is the order of the
 * reference implementation.
 *
 * @throws CheckpointError for a name that comes twice, cannot be written, or a tensor that contradicts itself.
 */
export function layOut(
  tensors: Iterable<readonly [string, WritableTensor]>,
  metadata: Readonly<Record<string, string>> = {},
  file?: string,
): SafetensorsLayout {
  const seen = new Map<string, WritableTensor>()
  for (const [name, tensor] of tensors) {
    if (seen.has(name)) throw new CheckpointError(`Tensor '${name}' is given twice.`, { file, field: name })
    if (name === '__metadata__' || !isWellFormed(name)) {
      throw new CheckpointError(`${JSON.stringify(name)} cannot be the name of a tensor.`, { file, field: name })
    }
    if ('data' in tensor) checkHostTensor(name, tensor, file)
    else checkLazyTensor(name, tensor, file)
    seen.set(name, tensor)
  }
  const rank = (tensor: WritableTensor) => safetensorsDtypes.indexOf(tensor.dtype)
  const ordered = [...seen].sort(([a, x], [b, y]) => rank(y) - rank(x) || compareCodePoints(a, b))

  const parts: string[] = []
  const keys = Object.keys(metadata).sort(compareCodePoints)
  for (const key of keys) {
    if (typeof metadata[key] !== 'string' || !isWellFormed(key) || !isWellFormed(metadata[key])) {
      throw new CheckpointError(`Metadata '${key}' is not a string.`, {
        file,
        field: key,
        cure: 'Convert it to a string.',
      })
    }
  }
  if (keys.length > 0) {
    parts.push(
      `"__metadata__":{${keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`).join(',')}}`,
    )
  }
  let begin = 0
  for (const [name, { dtype, shape }] of ordered) {
    const end = begin + elementCount(shape) * dtypeBytes(dtype)
    parts.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`)
    begin = end
  }
  const json = new TextEncoder().encode(`{${parts.join(',')}}`)
  const length = Math.ceil(json.length / 8) * 8
  if (length > maxHeaderBytes) {
    throw new CheckpointError(`The header would have ${length} bytes, more than the ${maxHeaderBytes} allowed.`, {
      file,
      cure: 'Save fewer tensors or less metadata in one file.',
    })
  }
  const header = new Uint8Array(8 + length).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true)
  header.set(json, 8)
  return { header, tensors: ordered }
}

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}

/** Orders strings as their UTF-8 bytes do; JavaScript's own order differs beyond the basic plane. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    const isHigh = (code: number) => code >= 0xd800 && code <= 0xdfff
    return isHigh(x) === isHigh(y) ? x - y : isHigh(x) ? 1 : -1
  }
  return a.length - b.length
}
