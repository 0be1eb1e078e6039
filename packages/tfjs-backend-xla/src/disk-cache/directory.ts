import { lstatSync, mkdirSync, type Stats } from 'node:fs'
import process from 'node:process'

/** Whether nobody but this user (or the system's administrator) can have written a file or can add to a folder. */
export const isPrivate = ({ uid, mode }: Pick<Stats, 'uid' | 'mode'>): boolean => {
  // Windows has neither; the user's own folders are protected by their access lists.
  if (process.platform === 'win32') return true
  return uid === process.getuid?.() && (mode & 0o022) === 0
}

/**
 * Makes the folder, for this user only, or checks the one that is there.
 *
 * @returns Why it cannot be used, or undefined.
 */
export const prepareDirectory = (directory: string): string | undefined => {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const stats = lstatSync(directory)
    if (!stats.isDirectory()) return 'it is a link or no folder'
    if (!isPrivate(stats)) return 'others can write to it, and what lies there is run as code (`chmod 700` cures it)'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return undefined
}
