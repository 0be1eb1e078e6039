import { readFile, stat } from 'node:fs/promises'
import { CheckpointError } from '../errors'
import { openError } from './file-errors'

/** No configuration or index is longer. */
const longest = 100_000_000

/** The text of a small file. @throws CheckpointError if there is none, it cannot be read, or it is over 100 MB. */
export async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(file)
    if (size > longest) throw new CheckpointError(`It has ${size} bytes, too many for JSON of its kind.`, { file })
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw cause instanceof CheckpointError ? cause : openError(file, cause)
  }
}

/** The object that a JSON file holds. @throws CheckpointError if it holds none. */
export async function readJsonObject(file: string): Promise<Record<string, unknown>> {
  const text = await readText(file)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new CheckpointError(`It is not JSON: ${(cause as Error).message}.`, {
      file,
      cure: 'Correct it or fetch it again.',
      cause,
    })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CheckpointError('It does not hold a JSON object.', { file, cure: 'Correct it or fetch it again.' })
  }
  return value as Record<string, unknown>
}
