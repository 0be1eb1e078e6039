import { CheckpointError } from '../errors'
import { type HeaderJson, parseHeaderJson } from './header-json'
import {
  checkHostTensor,
  dtypeBytes,
  elementCount,
  type HostTensor,
  isSafetensorsDtype,
  type SafetensorsDtype,
  safetensorsDtypes,
} from './host-tensor'

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

const damaged = 'The file is damaged or is not a safetensors file: fetch or save it again.'

/**
 * Length of the header in bytes, from the first 8 bytes of a file of `fileBytes` bytes.
 *
 * @throws CheckpointError if the file cannot hold such a header, before anything of that size is allocated.
 */
export function parseHeaderLength(prefix: Uint8Array, fileBytes: number, file?: string): number {
  if (prefix.length < 8 || fileBytes < 8) {
    throw new CheckpointError(`The file has ${fileBytes} bytes, too few for a safetensors header.`, {
      file,
      cure: damaged,
    })
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true)
  if (length > BigInt(maxHeaderBytes)) {
    throw new CheckpointError(`The header claims ${length} bytes, more than the ${maxHeaderBytes} allowed.`, {
      file,
      cure: damaged,
    })
  }
  if (Number(length) > fileBytes - 8) {
    throw new CheckpointError(`The header claims ${length} bytes, but only ${fileBytes - 8} follow.`, {
      file,
      cure: damaged,
    })
  }
  return Number(length)
}

/**
 * Parses and checks a header: every tensor's range must match its dtype and shape, and together the ranges must cover the
 * `dataBytes` bytes after the header exactly once.
 *
 * @throws CheckpointError naming the tensor at fault.
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file?: string): SafetensorsHeader {
  const fail = (message: string, field?: string): never => {
    throw new CheckpointError(message, { file, field, cure: damaged })
  }
  let json: HeaderJson
  try {
    if (bytes[0] !== 0x7b) throw new SyntaxError("it does not begin with '{'")
    json = parseHeaderJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? cause.message : 'it is not UTF-8 text'
    throw new CheckpointError(`The header is not a JSON object: ${reason}.`, { file, cure: damaged, cause })
  }
  if (!(json instanceof Map)) return fail('The header is not a JSON object.')

  const metadata: Record<string, string> = Object.create(null) as Record<string, string>
  const found: [string, TensorEntry][] = []
  for (const [name, value] of json) {
    if (name === '__metadata__') {
      if (!(value instanceof Map)) return fail('__metadata__ is not an object of strings.', name)
      for (const [key, text] of value) {
        if (typeof text !== 'string') return fail(`__metadata__ holds a value at '${key}' that is not a string.`, name)
        metadata[key] = text
      }
    } else found.push([name, parseEntry(name, value, fail)])
  }

  found.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let covered = 0
  for (const [name, { begin, end }] of found) {
    if (begin < covered) fail(`Tensor '${name}' at [${begin}, ${end}] overlaps the tensor before it.`, name)
    if (begin > covered) fail(`Bytes ${covered} to ${begin}, before tensor '${name}', belong to no tensor.`, name)
    if (end > dataBytes) fail(`Tensor '${name}' at [${begin}, ${end}] ends past the ${dataBytes} bytes of data.`, name)
    covered = end
  }
  if (covered !== dataBytes) fail(`The last ${dataBytes - covered} bytes belong to no tensor.`)
  return { entries: new Map(found), metadata: { ...metadata } }
}

function parseEntry(name: string, value: HeaderJson, fail: (message: string, field?: string) => never): TensorEntry {
  if (!(value instanceof Map)) return fail(`The entry of tensor '${name}' is not an object.`, name)
  const dtype = value.get('dtype')
  if (!isSafetensorsDtype(dtype)) {
    return fail(
      `Tensor '${name}' has the unknown dtype ${JSON.stringify(dtype ?? null)}; known are ${safetensorsDtypes.join(', ')}.`,
      name,
    )
  }
  const shape = value.get('shape')
  const offsets = value.get('data_offsets')
  const areNumbers = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((n) => typeof n === 'number')
  if (!areNumbers(shape)) return fail(`Tensor '${name}' has no shape.`, name)
  if (!areNumbers(offsets) || offsets.length !== 2) return fail(`Tensor '${name}' has no pair of data_offsets.`, name)
  const [begin, end] = offsets as [number, number]
  if (end < begin) return fail(`Tensor '${name}' at [${begin}, ${end}] ends before it begins.`, name)
  const bytes = elementCount(shape) * dtypeBytes(dtype)
  if (!Number.isSafeInteger(bytes))
    return fail(`Tensor '${name}' of shape [${shape.join(', ')}] is too large to exist.`, name)
  if (bytes !== end - begin) {
    return fail(
      `Tensor '${name}' of shape [${shape.join(', ')}] and dtype ${dtype} needs ${bytes} bytes, but its offsets span ${end - begin}.`,
      name,
    )
  }
  return { dtype, shape, begin, end }
}

/** A header ready to write, and the tensors in the order in which their data follows it. */
interface SafetensorsLayout {
  /** The 8-byte length, the JSON, and the spaces that make the data begin at a multiple of 8 bytes. */
  readonly header: Uint8Array
  readonly tensors: readonly (readonly [string, HostTensor])[]
}

/**
 * Lays a file out canonically, so that equal tensors and metadata give equal bytes: tensors by dtype (widest first, which
 * keeps each aligned to its element) and then by name, metadata by key, JSON without spaces. This is the order of the
 * reference implementation.
 *
 * @throws CheckpointError for a name that comes twice, cannot be written, or a tensor that contradicts itself.
 */
export function layOut(
  tensors: Iterable<readonly [string, HostTensor]>,
  metadata: Readonly<Record<string, string>> = {},
  file?: string,
): SafetensorsLayout {
  const seen = new Map<string, HostTensor>()
  for (const [name, tensor] of tensors) {
    if (seen.has(name)) throw new CheckpointError(`Tensor '${name}' is given twice.`, { file, field: name })
    if (name === '__metadata__' || !isWellFormed(name)) {
      throw new CheckpointError(`${JSON.stringify(name)} cannot be the name of a tensor.`, { file, field: name })
    }
    checkHostTensor(name, tensor, file)
    seen.set(name, tensor)
  }
  const rank = (tensor: HostTensor) => safetensorsDtypes.indexOf(tensor.dtype)
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
  for (const [name, { dtype, shape, data }] of ordered) {
    const end = begin + data.byteLength
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
