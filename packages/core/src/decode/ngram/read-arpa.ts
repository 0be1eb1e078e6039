import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { DataError } from '../../errors'
import { ArpaParser } from './arpa-parser'
import type { NgramModel } from './ngram-model'

/** Bytes read at a time. */
const CHUNK_BYTES = 2 ** 18

/**
 * Reads an n-gram model in ARPA's format, the one that every toolkit writes (SRILM, KenLM, MITLM, {@link writeArpa}), plain or
 * gzip'd. The file is read as a stream; in memory an n-gram takes 15 to 40 bytes.
 *
 * @throws DataError naming file and line when it cannot be read or is not a well-formed model.
 */
export async function readArpa(path: string): Promise<NgramModel> {
  try {
    const { size, gzip } = await inspect(path)
    const parser = new ArpaParser(path, size)
    const take = async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) parser.push(chunk)
    }
    const bytes = createReadStream(path, { highWaterMark: CHUNK_BYTES })
    await (gzip ? pipeline(bytes, createGunzip({ chunkSize: CHUNK_BYTES }), take) : pipeline(bytes, take))
    return parser.finish()
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    const code = (cause as NodeJS.ErrnoException).code
    if (code === undefined) throw cause
    const isGzip = code.startsWith('Z_')
    throw new DataError(
      isGzip
        ? `its gzip data are damaged: ${(cause as Error).message}.`
        : `it cannot be read: ${(cause as Error).message}.`,
      { file: path, cause, cure: isGzip ? 'Fetch the file again.' : 'Check the path.' },
    )
  }
}

/**
 * Reads an n-gram model from the bytes of an ARPA file: {@link readArpa}, for where there are no files.
 *
 * @param file what messages call it. Default `ARPA model`.
 * @throws DataError naming the line when the bytes are not a well-formed model.
 */
export function parseArpa(bytes: Uint8Array, file = 'ARPA model'): NgramModel {
  const parser = new ArpaParser(file, bytes.length)
  parser.push(bytes)
  return parser.finish()
}

const inspect = async (path: string): Promise<{ size: number; gzip: boolean }> => {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const magic = new Uint8Array(2)
    const { bytesRead } = await handle.read(magic, 0, 2, 0)
    return { size, gzip: bytesRead === 2 && magic[0] === 0x1f && magic[1] === 0x8b }
  } finally {
    await handle.close()
  }
}
