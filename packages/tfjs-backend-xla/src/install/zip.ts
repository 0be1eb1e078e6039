import { createReadStream, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createInflateRaw } from 'node:zlib'

const END_OF_DIRECTORY = { signature: 0x06054b50, size: 22, entries: 10, directorySize: 12, directoryOffset: 16 }
const DIRECTORY_ENTRY = { signature: 0x02014b50, size: 46 }
const LOCAL_HEADER = { signature: 0x04034b50, size: 30 }
const STORED = 0
const DEFLATED = 8

interface ZipEntry {
  readonly method: number
  readonly compressedSize: number
  readonly size: number
  readonly headerOffset: number
}

/**
 * Unpacks one file of a zip archive (as Python wheels are), streaming. Archives over 4 GB (zip64) are refused.
 * Meant for archives whose hash is known: contents are checked by their length only.
 * @returns the number of bytes written.
 */
export async function extractZipEntry(archive: string, name: string, destination: string): Promise<number> {
  const entry = await findEntry(archive, name)
  const start = await dataOffset(archive, entry)
  let written = 0
  const count = new Transform({
    transform(chunk: Buffer, _, done) {
      written += chunk.length
      if (written > entry.size) done(new Error(`${name} in ${archive} is longer than its directory says`))
      else done(null, chunk)
    },
  })
  const source =
    entry.compressedSize === 0 ? [] : createReadStream(archive, { start, end: start + entry.compressedSize - 1 })
  const target = createWriteStream(destination, { flush: true })
  if (entry.method === STORED) await pipeline(source, count, target)
  else if (entry.method === DEFLATED) await pipeline(source, createInflateRaw(), count, target)
  else throw new Error(`${name} in ${archive} is compressed by method ${entry.method}, which is not supported`)
  if (written !== entry.size) throw new Error(`${name} in ${archive} is cut short: ${written} of ${entry.size} bytes`)
  return written
}

async function findEntry(archive: string, name: string): Promise<ZipEntry> {
  const directory = await readDirectory(archive)
  let at = 0
  while (at + DIRECTORY_ENTRY.size <= directory.length && directory.readUInt32LE(at) === DIRECTORY_ENTRY.signature) {
    const nameLength = directory.readUInt16LE(at + 28)
    const extraLength = directory.readUInt16LE(at + 30)
    const commentLength = directory.readUInt16LE(at + 32)
    const nameStart = at + DIRECTORY_ENTRY.size
    if (directory.toString('utf8', nameStart, nameStart + nameLength) === name) {
      return {
        method: directory.readUInt16LE(at + 10),
        compressedSize: directory.readUInt32LE(at + 20),
        size: directory.readUInt32LE(at + 24),
        headerOffset: directory.readUInt32LE(at + 42),
      }
    }
    at = nameStart + nameLength + extraLength + commentLength
  }
  throw new Error(`${archive} holds no file ${name}`)
}

async function readDirectory(archive: string): Promise<Buffer> {
  const file = await open(archive)
  try {
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
  } finally {
    await file.close()
  }
}

/** Where the file's bytes begin: behind its local header, whose extra field may differ from the directory's. */
async function dataOffset(archive: string, entry: ZipEntry): Promise<number> {
  const file = await open(archive)
  try {
    const header = Buffer.alloc(LOCAL_HEADER.size)
    await file.read(header, 0, header.length, entry.headerOffset)
    if (header.readUInt32LE(0) !== LOCAL_HEADER.signature) throw new Error(`${archive} is damaged`)
    return entry.headerOffset + LOCAL_HEADER.size + header.readUInt16LE(26) + header.readUInt16LE(28)
  } finally {
    await file.close()
  }
}
