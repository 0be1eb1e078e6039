import { DataError } from '../../errors'
import { type ByteSource, type OpenBytes, withBytes } from '../byte-source'

/** A file in a tar archive. */
export interface TarEntry {
  readonly name: string
  /** Where its content begins in the archive, in bytes. */
  readonly offset: number
  /** Length of its content. */
  readonly bytes: number
}

const block = 512
/** Longest name or extended header that is read. */
const longestHeader = 2 ** 20
const cure = 'Fetch or make the archive again.'

/**
 * Lists a tar archive's files without reading their contents: the ustar format with GNU's and POSIX's (pax) long names and sizes. What
 * is no file is passed over.
 *
 * @param source The archive's path, or its content and name.
 * @throws DataError naming the archive and the byte for what is no such archive, or ends too early.
 */
export const readTar = (source: ByteSource): Promise<TarEntry[]> => withBytes(source, list)

const list = async (archive: OpenBytes): Promise<TarEntry[]> => {
  const { file, size } = archive
  const entries: TarEntry[] = []
  const header = Buffer.alloc(block)
  let longName: string | undefined
  let longSize: number | undefined
  for (let at = 0; ; ) {
    const fail = (message: string): never => {
      throw new DataError(`${message} at byte ${at}.`, { file, cure })
    }
    if (at + block > size) {
      // Two blocks of zeros end an archive; some writers leave them out, but none ends within a header.
      if (at === size && entries.length > 0) return entries
      fail('the archive ends where a header should be,')
    }
    await readFully(archive, header, at)
    if (header.every((byte) => byte === 0)) return entries
    if (!hasChecksum(header)) fail('there is no header of a tar archive')
    const type = String.fromCharCode(header[156]!)
    const bytes: number =
      ('xgLK'.includes(type) ? undefined : longSize) ?? numberAt(header, 124, 12) ?? fail('a size is damaged')
    const offset = at + block
    if (offset + bytes > size) fail(`a file of ${bytes} bytes goes on after the archive's end,`)
    if ('xgLK'.includes(type)) {
      if (bytes > longestHeader) fail(`a header of ${bytes} bytes is too long`)
      const content = Buffer.alloc(bytes)
      await readFully(archive, content, offset)
      if (type === 'L') longName = untilZero(content)
      if (type === 'x') {
        const records = paxRecords(content) ?? fail('an extended header is damaged')
        longName = records.get('path') ?? longName
        const text = records.get('size')
        if (text !== undefined) longSize = /^\d{1,15}$/.test(text) ? Number(text) : fail('an extended size is damaged')
      }
    } else {
      if (type === '0' || type === '\0' || type === '7') {
        const name = longName ?? shortName(header)
        if (name !== '' && !name.endsWith('/')) entries.push({ name, offset, bytes })
      }
      longName = undefined
      longSize = undefined
    }
    at = offset + Math.ceil(bytes / block) * block
  }
}

const readFully = async (archive: OpenBytes, target: Buffer, position: number): Promise<void> => {
  for (let at = 0; at < target.length; ) {
    const bytesRead = await archive.read(target, at, target.length, position + at)
    if (bytesRead === 0) throw new DataError(`the archive ends at byte ${position + at}.`, { file: archive.file, cure })
    at += bytesRead
  }
}

const untilZero = (bytes: Buffer): string => {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

const shortName = (header: Buffer): string => {
  const name = untilZero(header.subarray(0, 100))
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = isUstar ? untilZero(header.subarray(345, 500)) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

/** A number in octal digits, or in base 256 as GNU writes large ones. */
const numberAt = (header: Buffer, at: number, length: number): number | undefined => {
  if (header[at]! & 0x80) {
    let value = header[at]! & 0x7f
    for (let i = 1; i < length; i++) value = value * 256 + header[at + i]!
    return Number.isSafeInteger(value) ? value : undefined
  }
  const text = header
    .toString('latin1', at, at + length)
    .replace(/[\0 ]+$/, '')
    .trim()
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || '0', 8) : undefined
}

/** The header's bytes add up to what it says, its own place counted as spaces; some old writers added signed bytes. */
const hasChecksum = (header: Buffer): boolean => {
  const expected = numberAt(header, 148, 8)
  let unsigned = 0
  let signed = 0
  for (let i = 0; i < block; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : header[i]!
    unsigned += byte
    signed += (byte << 24) >> 24
  }
  return expected === unsigned || expected === signed
}

/** Records `LENGTH KEY=VALUE\n`. */
const paxRecords = (content: Buffer): Map<string, string> | undefined => {
  const records = new Map<string, string>()
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at)
    const digits = space < 0 ? '' : content.toString('latin1', at, Math.min(space, at + 10))
    const length = /^\d+$/.test(digits) ? Number(digits) : 0
    if (length < 5 || at + length > content.length || content[at + length - 1] !== 0x0a) return undefined
    const [key, ...value] = content.toString('utf8', space + 1, at + length - 1).split('=')
    records.set(key!, value.join('='))
    at += length
  }
  return records
}
