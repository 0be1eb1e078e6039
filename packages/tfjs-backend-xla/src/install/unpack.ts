import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, link, mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createInflateRaw } from 'node:zlib'

const END_OF_DIRECTORY = { signature: 0x06054b50, size: 22, directorySize: 12, directoryOffset: 16 }
const DIRECTORY_ENTRY = { signature: 0x02014b50, size: 46 }
const LOCAL_HEADER = { signature: 0x04034b50, size: 30 }
const STORED = 0
const DEFLATED = 8

interface ZipEntry {
  readonly name: string
  readonly method: number
  readonly crc: number
  readonly compressedSize: number
  readonly size: number
  readonly headerOffset: number
  readonly executable: boolean
}

/**
 * Unpacks files of a zip archive (as Python wheels are), streaming. Archives over 4 GB (zip64) are refused. Meant for
 * archives whose hash is known: contents are checked by their length only.
 * @param place the path of an entry below `folder`, or undefined to leave it out.
 * @returns the files written, relative to `folder`, with their size in bytes. Copies of one library under several names
 * (a wheel cannot hold links) are written once and linked.
 */
export async function unpackZip(
  archive: string,
  folder: string,
  place: (name: string) => string | undefined,
): Promise<Record<string, number>> {
  const written: Record<string, number> = {}
  const copies = new Map<string, string>()
  const file = await open(archive)
  try {
    for (const entry of parseDirectory(archive, await readDirectory(file, archive))) {
      const path = place(entry.name)
      if (path === undefined) continue
      if (path.split(/[/\\]/).some((part) => part === '..' || part === '')) {
        throw new Error(`${archive} holds a file that would leave its folder: ${entry.name}`)
      }
      const target = join(folder, path)
      await mkdir(dirname(target), { recursive: true })
      const content = `${path.replace(/\.so[.\d]*$/, '.so')} ${entry.crc} ${entry.size}`
      const copy = copies.get(content)
      if (copy) await link(copy, target)
      else await extract(file, archive, entry, target)
      if (path.includes('.so')) copies.set(content, target)
      written[path] = entry.size
    }
  } finally {
    await file.close()
  }
  return written
}

async function extract(file: FileHandle, archive: string, entry: ZipEntry, destination: string): Promise<void> {
  const { name, size, compressedSize } = entry
  const start = await dataOffset(file, archive, entry)
  let written = 0
  const count = new Transform({
    transform(chunk: Buffer, _, done) {
      written += chunk.length
      if (written > size) done(new Error(`${name} in ${archive} is longer than its directory says`))
      else done(null, chunk)
    },
  })
  const end = start + compressedSize - 1
  const source = compressedSize === 0 ? [] : createReadStream(archive, { start, end, highWaterMark: 1 << 18 })
  const target = createWriteStream(destination, { flush: true, flags: 'wx', mode: entry.executable ? 0o755 : 0o644 })
  if (entry.method === STORED) await pipeline(source, count, target)
  else if (entry.method === DEFLATED) await pipeline(source, createInflateRaw({ chunkSize: 1 << 18 }), count, target)
  else throw new Error(`${name} in ${archive} is compressed by method ${entry.method}, which is not supported`)
  if (written !== size) throw new Error(`${name} in ${archive} is cut short: ${written} of ${size} bytes`)
}

function* parseDirectory(archive: string, directory: Buffer): Generator<ZipEntry> {
  let at = 0
  while (at + DIRECTORY_ENTRY.size <= directory.length) {
    if (directory.readUInt32LE(at) !== DIRECTORY_ENTRY.signature) throw new Error(`${archive} is damaged`)
    const nameStart = at + DIRECTORY_ENTRY.size
    const nameEnd = nameStart + directory.readUInt16LE(at + 28)
    yield {
      name: directory.toString('utf8', nameStart, nameEnd),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      compressedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      headerOffset: directory.readUInt32LE(at + 42),
      // Unix permissions are the upper half of the external attributes.
      executable: ((directory.readUInt32LE(at + 38) >>> 16) & 0o111) !== 0,
    }
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
  }
}

async function readDirectory(file: FileHandle, archive: string): Promise<Buffer> {
  const { size } = await file.stat()
  // The directory's end is followed by a comment of at most 65,535 bytes.
  const tail = Buffer.alloc(Math.min(size, END_OF_DIRECTORY.size + 0xffff))
  await file.read(tail, 0, tail.length, size - tail.length)
  for (let at = tail.length - END_OF_DIRECTORY.size; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END_OF_DIRECTORY.signature) continue
    const length = tail.readUInt32LE(at + END_OF_DIRECTORY.directorySize)
    const offset = tail.readUInt32LE(at + END_OF_DIRECTORY.directoryOffset)
    if (offset + length > size) break
    const directory = Buffer.alloc(length)
    await file.read(directory, 0, length, offset)
    return directory
  }
  throw new Error(`${archive} is no zip archive this can read`)
}

/** Where an entry's bytes begin: behind its local header, whose extra field may differ from the directory's. */
async function dataOffset(file: FileHandle, archive: string, entry: ZipEntry): Promise<number> {
  const header = Buffer.alloc(LOCAL_HEADER.size)
  await file.read(header, 0, header.length, entry.headerOffset)
  if (header.readUInt32LE(0) !== LOCAL_HEADER.signature) throw new Error(`${archive} is damaged`)
  return entry.headerOffset + LOCAL_HEADER.size + header.readUInt16LE(26) + header.readUInt16LE(28)
}
