import { DataError } from '../errors'

/** Element types of features in `.npy` files, by NumPy's names. */
export const npyTypes = { '<f4': 4, '<f2': 2, '<f8': 8 } as const
export type NpyType = keyof typeof npyTypes

export interface NpyHeader {
  readonly type: NpyType
  readonly shape: readonly number[]
  /** Bytes before the data. */
  readonly dataStart: number
}

/** Most that a header of a plain array takes; NumPy's own reader stops at 10,000 characters. */
const longestHeader = 10_000
/** Bytes that hold any header that is read: those of the file's beginning that {@link parseNpyHeader} wants. */
export const npyHeaderBytes = longestHeader + 12

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]

const refuse = (message: string, file: string, cure?: string): never => {
  throw new DataError(message, { file, field: 'header', ...(cure !== undefined && { cure }) })
}

/**
 * Reads the header of a `.npy` file (format versions 1 to 3) of little-endian floats in C order. The header is a Python literal; it
 * is parsed, not run.
 *
 * @param beginning The file's first bytes: {@link npyHeaderBytes} of them, or all.
 * @param fileBytes Size of the file, which must be that of the header and the data.
 * @throws DataError naming the file for anything else.
 */
export const parseNpyHeader = (beginning: Uint8Array, fileBytes: number, file: string): NpyHeader => {
  if (beginning.length < 10 || magic.some((byte, i) => beginning[i] !== byte)) {
    refuse('this is no .npy file.', file, 'Name a file that numpy.save wrote.')
  }
  const [major, minor] = [beginning[6]!, beginning[7]!]
  if (major < 1 || major > 3 || minor !== 0) refuse(`.npy version ${major}.${minor} is not known.`, file)
  const prefix = major === 1 ? 10 : 12
  if (beginning.length < prefix) refuse('the file ends within its header.', file)
  const view = new DataView(beginning.buffer, beginning.byteOffset, beginning.length)
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  if (length > longestHeader) refuse(`the header says that it has ${length} bytes; ${longestHeader} are read.`, file)
  const dataStart = prefix + length
  if (dataStart > fileBytes || dataStart > beginning.length) refuse('the file ends within its header.', file)
  const text = Buffer.from(beginning.subarray(prefix, dataStart)).toString('latin1')
  const { type, shape } = parseDescription(text, file)
  const dataBytes = shape.reduce((product, n) => product * n, npyTypes[type])
  if (!Number.isSafeInteger(dataBytes) || dataStart + dataBytes !== fileBytes) {
    refuse(
      `the header says ${type} of shape (${shape.join(', ')}), which is not the ${fileBytes - dataStart} bytes that follow.`,
      file,
      'The file was cut off or is still being written: make it again.',
    )
  }
  return { type, shape, dataStart }
}

const entry = /\s*(['"])(descr|fortran_order|shape)\1\s*:\s*(?:(['"])([^'"\\]{1,16})\3|(True|False)|\(([\d,\s]*)\))\s*/y

/** The header's three entries: `{'descr': '<f4', 'fortran_order': False, 'shape': (300, 6), }`. */
const parseDescription = (text: string, file: string): { type: NpyType; shape: number[] } => {
  const literal = /^\s*\{([^{}]*)\}\s*$/.exec(text)?.[1]
  if (literal === undefined) return refuse('the header is no dictionary.', file)
  const found = new Map<string, { text?: string; flag?: string; numbers?: string }>()
  let at = 0
  while (at < literal.length && literal.slice(at).trim() !== '') {
    entry.lastIndex = at
    const match = entry.exec(literal)
    const key = match?.[2]
    if (match === null || key === undefined) return refuse('the header has an entry of another kind.', file)
    if (found.has(key)) refuse(`the header has "${key}" twice.`, file)
    found.set(key, {
      ...(match[4] !== undefined && { text: match[4] }),
      ...(match[5] !== undefined && { flag: match[5] }),
      ...(match[6] !== undefined && { numbers: match[6] }),
    })
    at = entry.lastIndex
    if (at < literal.length && literal[at] !== ',') return refuse('the header has no comma between its entries.', file)
    at++
  }
  const descr = found.get('descr')?.text
  const order = found.get('fortran_order')?.flag
  const numbers = found.get('shape')?.numbers
  if (descr === undefined || order === undefined || numbers === undefined) {
    return refuse('the header lacks "descr", "fortran_order" or "shape", or has them in another form.', file)
  }
  if (!(descr in npyTypes)) {
    refuse(
      `elements of type "${descr}" are not read; ${Object.keys(npyTypes).join(', ')} are.`,
      file,
      'Save it as float32.',
    )
  }
  if (order === 'True') refuse('the array is in Fortran order.', file, 'Save numpy.ascontiguousarray of it.')
  return { type: descr as NpyType, shape: parseShape(numbers, file) }
}

/** What stands between the parentheses of a tuple of whole numbers. */
const parseShape = (text: string, file: string): number[] => {
  const parts = text.split(',').map((part) => part.trim())
  // A tuple of one has a comma after it, longer ones may have.
  if (parts.length > 1 && parts.at(-1) === '') parts.pop()
  else if (parts.length === 1 && parts[0] !== '') refuse('the shape is no tuple.', file)
  if (parts.length === 1 && parts[0] === '') return []
  if (parts.length > 32) refuse('the shape has more than 32 axes.', file)
  return parts.map((part) => {
    if (!/^(0|[1-9]\d{0,15})$/.test(part)) refuse(`the shape has "${part}" where a whole number should be.`, file)
    return Number(part)
  })
}

/** Bytes of the headers that {@link npyHeader} makes, whatever the shape: room to write the number of frames when it is known. */
export const writtenHeaderBytes = 128

/** A version 1 header for float32 of shape `[frames, dim]`, of {@link writtenHeaderBytes} bytes. */
export const npyHeader = (frames: number, dim: number): Uint8Array => {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${frames}, ${dim}), }`
  const header = Buffer.alloc(writtenHeaderBytes, ' ')
  header.set([...magic, 1, 0])
  header.writeUInt16LE(writtenHeaderBytes - 10, 8)
  header.write(text, 10, 'latin1')
  header[writtenHeaderBytes - 1] = 0x0a
  return header
}
