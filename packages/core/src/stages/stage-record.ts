import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { writeFileAtomic } from '../checkpoint/index'
import { ConfigError } from '../errors'
import { fingerprintJson, type JsonObject, type JsonValue } from './plain-json'

/** Written last into a stage's folder: where it is, the stage is complete. */
export const RECORD_FILE = 'stage.json'
/** Written first: whose folder this is while the stage is not complete. */
export const START_FILE = 'stage-begun.json'

const jsonObject = z.record(z.string(), z.json()) as unknown as z.ZodType<JsonObject>
const amount = z.number().nonnegative()
const identity = {
  format: z.literal(1),
  name: z.string(),
  title: z.string(),
  /** Settings, and fingerprints of files from outside. */
  inputs: jsonObject,
  /** Stages that it reads, and the `id` that each had. */
  reads: z.record(z.string(), z.string()),
  /** SHA-256 of `inputs` and `reads`. */
  fingerprint: z.string(),
  startedAt: z.string(),
  /** How often it was begun; 1 again where it was begun anew. */
  attempts: z.int().positive(),
  /** Of these attempts, those that ended by themselves. */
  seconds: amount,
}
const startSchema = z.object(identity)
const recordSchema = z.object({
  ...identity,
  finishedAt: z.string(),
  result: jsonObject,
  /** Sizes of the files in its folder, in bytes. */
  files: z.record(z.string(), amount),
  /** SHA-256 of all the rest. */
  id: z.string(),
})

/** What decides a stage's result. */
export type StageIdentity = { readonly inputs: JsonObject; readonly reads: Readonly<Record<string, string>> }
export type StageStart = Readonly<z.infer<typeof startSchema>>
export type StageRecord = Readonly<z.infer<typeof recordSchema>>

export const identityFingerprint = ({ inputs, reads }: StageIdentity): string => fingerprintJson({ inputs, reads })

/** A complete stage's record. @throws ConfigError when there is one that cannot be used. */
export const readRecord = async (directory: string): Promise<StageRecord | undefined> => {
  const record = await read(directory, RECORD_FILE, recordSchema)
  if (!record) return undefined
  if (record.name !== basename(directory)) {
    throw unusable(directory, RECORD_FILE, `it is the record of the stage "${record.name}"`)
  }
  const { id, ...rest } = record
  if (fingerprintJson(rest as JsonValue) === id) return record
  throw unusable(directory, RECORD_FILE, 'it is not as it was written')
}

export const readStart = (directory: string): Promise<StageStart | undefined> =>
  read(directory, START_FILE, startSchema)

export const writeStart = (directory: string, start: StageStart): Promise<void> =>
  writeFileAtomic(join(directory, START_FILE), `${JSON.stringify(start, null, 2)}\n`)

/** Makes a stage complete. */
export const writeRecord = async (directory: string, record: Omit<StageRecord, 'id'>): Promise<StageRecord> => {
  const whole = { ...record, id: fingerprintJson(record as JsonValue) }
  await writeFileAtomic(join(directory, RECORD_FILE), `${JSON.stringify(whole, null, 2)}\n`)
  return whole
}

const read = async <T>(directory: string, name: string, schema: z.ZodType<T>): Promise<T | undefined> => {
  const text = await readFile(join(directory, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw unusable(directory, name, `it cannot be read (${error.code})`, error)
  })
  if (text === undefined) return undefined
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw unusable(directory, name, 'it is no record of a stage', cause)
  }
}

const unusable = (directory: string, name: string, what: string, cause?: unknown): ConfigError =>
  new ConfigError(`${what}.`, {
    file: join(directory, name),
    cure: 'Move its folder away, and the stage is done again.',
    cause,
  })
