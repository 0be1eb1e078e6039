import { crc32 } from 'node:zlib'
import type { ByteSource } from './byte-source'
import { TorchFileError, type TorchFileFault } from './torch-file-error'

/** A file in a zip archive, stored as it is. */
export interface ZipEntry {
  readonly name: string
  /** Where its own header lies. */
  readonly headerAt: number
  readonly size: number
  readonly crc: number
}

const signature = { end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50, central: 0x02014b50, local: 0x04034b50 }
const endBytes = 22
const localBytes = 30
const mostEntries = 500_000
const latin1 = new TextDecoder('latin1')
const dataView = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * The files of a zip archive, with or without ZIP64 records. Only archives as `torch.save` writes them are taken: on one disk, nothing
 * compressed or encrypted, no name twice, no two files on the same bytes.
 *
 * @throws TorchFileError
 */
export class ZipArchive {
  private constructor(
    private readonly source: ByteSource,
    readonly entries: ReadonlyMap<string, ZipEntry>,
  ) {}

  /** Whether the source begins as a zip archive does. */
  static isZip(source: ByteSource): boolean {
    return source.size >= 4 && dataView(source.view(0, 4)).getUint32(0, true) === signature.local
  }

  static open(source: ByteSource): ZipArchive {
    const fail = refuse(source)
    const { count, at, bytes } = findDirectory(source)
    const directory = source.view(at, bytes)
    const view = dataView(directory)
    const entries = new Map<string, ZipEntry>()
    let next = 0
    for (let i = 0; i < count; i++) {
      if (next + 46 > bytes || view.getUint32(next, true) !== signature.central) fail(`directory entry ${i} is missing`)
      const flags = view.getUint16(next + 8, true)
      const method = view.getUint16(next + 10, true)
      const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => view.getUint16(next + field, true))
      const nameAt = next + 46
      const end = nameAt + nameBytes! + extraBytes! + commentBytes!
      if (end > bytes) fail(`directory entry ${i} is cut off`)
      const name = latin1.decode(directory.subarray(nameAt, nameAt + nameBytes!))
      if ((flags & 0x2041) !== 0) fail(`${name} is encrypted`, 'compressed')
      if (method !== 0) fail(`${name} is compressed (method ${method}), which torch.save does not do`, 'compressed')
      const extra = dataView(directory.subarray(nameAt + nameBytes!, nameAt + nameBytes! + extraBytes!))
      const wide = wideFields(
        extra,
        [24, 20, 42].map((field) => view.getUint32(next + field, true)),
      )
      if (wide === undefined) return fail(`${name} lacks its ZIP64 sizes`)
      const [size, packed, headerAt] = wide as [number, number, number]
      if (size !== packed) fail(`${name} has two sizes`)
      if (entries.has(name)) fail(`${name} comes twice`)
      entries.set(name, { name, headerAt, size, crc: view.getUint32(next + 16, true) })
      next = end
    }
    if (next !== bytes) fail('the directory is longer than its entries')
    checkOverlap([...entries.values()], at, fail)
    return new ZipArchive(source, entries)
  }

  /** Where the bytes of a file begin, from the header before them. */
  locate(entry: ZipEntry): number {
    const fail = refuse(this.source)
    if (entry.headerAt + localBytes > this.source.size) fail(`${entry.name} lies past the end`)
    const view = dataView(this.source.view(entry.headerAt, localBytes))
    if (view.getUint32(0, true) !== signature.local) fail(`${entry.name} has no header`)
    if (view.getUint16(8, true) !== 0) fail(`${entry.name} is compressed`, 'compressed')
    const nameBytes = view.getUint16(26, true)
    const at = entry.headerAt + localBytes + nameBytes + view.getUint16(28, true)
    if (at + entry.size > this.source.size) fail(`${entry.name} ends past the end of the file`)
    const name = latin1.decode(this.source.view(entry.headerAt + localBytes, nameBytes))
    if (name !== entry.name) fail(`${entry.name} is called ${JSON.stringify(name)} in its header`)
    return at
  }

  /** @throws TorchFileError if the bytes are not those that were written. */
  verify(entry: ZipEntry, bytes: Uint8Array): void {
    if (crc32(bytes) === entry.crc) return
    throw new TorchFileError(`The bytes of ${entry.name} are not those that were written.`, 'checksum', {
      file: this.source.file,
      field: entry.name,
      cure: 'Fetch the file again. If it was written with torch.serialization.set_crc32_options(False), load it with { checksums: false }.',
    })
  }
}

type Fail = (what: string, fault?: TorchFileFault) => never

const refuse =
  ({ file }: ByteSource): Fail =>
  (what, fault = 'bad-zip') => {
    throw new TorchFileError(`The zip archive is damaged: ${what}.`, fault, { file })
  }

/** Number of entries, place and size of the directory, from the records at the end. */
function findDirectory(source: ByteSource): { count: number; at: number; bytes: number } {
  const fail = refuse(source)
  const tailBytes = Math.min(source.size, endBytes + 0xffff)
  const tailAt = source.size - tailBytes
  const tail = dataView(source.view(tailAt, tailBytes))
  let end = tailBytes - endBytes
  // The record ends the file, but for a comment whose length it states.
  while (
    end >= 0 &&
    !(tail.getUint32(end, true) === signature.end && end + endBytes + tail.getUint16(end + 20, true) === tailBytes)
  )
    end--
  if (end < 0) fail('it has no end; the file may have been cut off')
  let [disk, directoryDisk, here, count] = [4, 6, 8, 10].map((field) => tail.getUint16(end + field, true)) as [
    number,
    number,
    number,
    number,
  ]
  let bytes = tail.getUint32(end + 12, true)
  let at = tail.getUint32(end + 16, true)
  const locator = end - 20
  const endAt = tailAt + end
  let recordsAt = endAt
  if (locator >= 0 && tail.getUint32(locator, true) === signature.locator64) {
    const at64 = Number(tail.getBigUint64(locator + 8, true))
    if (at64 + 56 > endAt - 20) fail('its ZIP64 record lies past the end')
    const end64 = dataView(source.view(at64, 56))
    if (end64.getUint32(0, true) !== signature.end64) fail('its ZIP64 record is missing')
    disk = end64.getUint32(16, true)
    directoryDisk = end64.getUint32(20, true)
    ;[here, count, bytes, at] = [24, 32, 40, 48].map((field) => Number(end64.getBigUint64(field, true))) as [
      number,
      number,
      number,
      number,
    ]
    recordsAt = at64
  }
  if (disk !== 0 || directoryDisk !== 0 || here !== count) fail('it is spread over several disks')
  if (count > mostEntries) fail(`it has ${count} entries`)
  if (at + bytes > recordsAt) fail('its directory lies past the end')
  return { count, at, bytes }
}

/** Sizes and place of an entry, where ZIP64 puts those that do not fit into 32 bits. */
function wideFields(extra: DataView, narrow: number[]): number[] | undefined {
  const isWide = narrow.map((value) => value === 0xffffffff)
  if (!isWide.includes(true)) return narrow
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = extra.getUint16(at + 2, true)
    if (extra.getUint16(at, true) === 1) {
      let from = at + 4
      const end = Math.min(extra.byteLength, from + length)
      const values = narrow.map((value, i) => {
        if (!isWide[i]) return value
        from += 8
        return from <= end ? Number(extra.getBigUint64(from - 8, true)) : Number.NaN
      })
      return values.every(Number.isSafeInteger) ? values : undefined
    }
    at += 4 + length
  }
  return undefined
}

function checkOverlap(entries: ZipEntry[], directoryAt: number, fail: Fail): void {
  entries.sort((a, b) => a.headerAt - b.headerAt)
  for (const [i, { name, headerAt, size }] of entries.entries()) {
    const limit = entries[i + 1]?.headerAt ?? directoryAt
    if (headerAt + localBytes + size > limit) fail(`${name} lies on what follows it`)
  }
}
