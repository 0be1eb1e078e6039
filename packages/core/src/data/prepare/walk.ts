import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../../errors'
import { unreadable } from '../byte-source'
import type { SourceFiles } from './found'

/** Largest transcript file that is read. */
const longestText = 2 ** 26

/**
 * All files of a folder and the folders in it, links followed, hidden ones left out.
 *
 * @param most Stop after so many.
 * @throws DataError naming a folder that cannot be read.
 */
export const sourceFiles = async (
  root: string,
  options: { most?: number; signal?: AbortSignal } = {},
): Promise<SourceFiles> => {
  const { most = Number.POSITIVE_INFINITY, signal } = options
  const files: string[] = []
  const seen = new Set<string>()
  const walk = async (folder: string): Promise<void> => {
    signal?.throwIfAborted()
    const path = join(root, folder)
    // A link to a folder above would lead round in circles.
    const real = await realpath(path).catch((cause: unknown) => {
      throw unreadable(path, cause)
    })
    if (seen.has(real)) return
    seen.add(real)
    const entries = await readdir(path, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOTDIR')
        throw new DataError('this is not a folder.', { file: path, cause, cure: 'Name the corpus.' })
      throw unreadable(path, cause)
    })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith('.') || files.length >= most) continue
      const inside = folder === '' ? entry.name : `${folder}/${entry.name}`
      const kind = entry.isSymbolicLink() ? await stat(join(root, inside)).catch(() => undefined) : entry
      if (kind?.isDirectory()) await walk(inside)
      else if (kind?.isFile()) files.push(inside)
    }
  }
  await walk('')
  return {
    files,
    readText: async (path) => {
      const file = join(root, path)
      const { size } = await stat(file).catch((cause: unknown) => {
        throw unreadable(file, cause)
      })
      if (size > longestText) throw new DataError(`it has ${size} bytes, too many for a transcript.`, { file })
      const text = await readFile(file, 'utf8').catch((cause: unknown) => {
        throw unreadable(file, cause)
      })
      return text.replace(/^\uFEFF/, '')
    },
  }
}
