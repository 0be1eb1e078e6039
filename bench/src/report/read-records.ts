import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ResultRecord } from './records'

/** A file of `bench/results` that is no result of these benchmarks. */
export class RecordError extends Error {}

/** @throws RecordError naming the file */
export const parseRecord = (text: string, file: string): ResultRecord => {
  let record: Partial<ResultRecord> | null
  try {
    record = JSON.parse(text) as Partial<ResultRecord> | null
  } catch (error) {
    throw new RecordError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const complete =
    (record?.kind === 'step' || record?.kind === 'ops' || record?.kind === 'kmeans') &&
    record.date &&
    record.machine &&
    record.command &&
    record.contestants
  if (!complete)
    throw new RecordError(
      `${file}: it is not a result of "npm run bench", "npm run bench:ops" or "npm run bench:kmeans". Move it elsewhere.`,
    )
  return record as ResultRecord
}

/** All results of a folder. */
export const readRecords = async (folder: string): Promise<ResultRecord[]> => {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort()
  return Promise.all(
    files.map(async (file) => {
      const path = join(folder, file)
      return parseRecord(await readFile(path, 'utf8'), path)
    }),
  )
}
