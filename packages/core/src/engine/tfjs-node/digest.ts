import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { EngineBuildError } from '../errors'

/** A hash of a file's bytes. */
export const digestFile = async (
  path: string,
  algorithm: 'sha256' | 'sha512',
  encoding: 'hex' | 'base64',
): Promise<string> => {
  const hash = createHash(algorithm)
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest(encoding)
}

/** @throws EngineBuildError when a downloaded file is not the one that was pinned. */
export const expectDigest = (path: string, what: string, actual: string, expected: string): void => {
  if (actual === expected) return
  throw new EngineBuildError(
    `this is not the file that this version of Babble knows, so it is not used: its ${what} is ${actual}, expected ${expected}.`,
    { file: basename(path), cure: 'The package index in use may serve another build: try the public one.' },
  )
}
