import { createHash } from 'node:crypto'
import { ConfigError } from '../errors'

/** What JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }
export type JsonObject = { readonly [key: string]: JsonValue }

/**
 * A value as JSON gives it back; keys without a value are left out.
 *
 * @param field How errors name the value
 * @throws ConfigError naming the key of what JSON cannot say: numbers that are not finite, dates, maps, typed arrays, functions.
 */
export const plainJson = (value: unknown, field: string): JsonValue => {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  // -0 becomes 0, as in JSON.
  if (typeof value === 'number' && Number.isFinite(value)) return value + 0
  if (Array.isArray(value)) return value.map((item, index) => plainJson(item, `${field}[${index}]`))
  if (typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined)
    return Object.fromEntries(entries.map(([key, item]) => [key, plainJson(item, `${field}.${key}`)]))
  }
  const found = typeof value === 'object' ? `a ${value!.constructor?.name}` : String(value)
  throw new ConfigError(`${field} is ${found}, which JSON cannot say.`, {
    field,
    cure: 'Use finite numbers, strings, booleans, null, and arrays and plain objects of them.',
  })
}

/** As {@link plainJson}, of what must be an object. */
export const plainObject = (value: object, field: string): JsonObject => {
  const json = plainJson(value, field)
  if (isObject(json)) return json
  throw new ConfigError(`${field} is no plain object.`, { field, cure: 'Give it as keys and values.' })
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** JSON text that is the same for equal values: keys are in order. */
const canonicalJson = (value: JsonValue): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`
  if (!isObject(value)) return JSON.stringify(value)
  const keys = Object.keys(value).sort()
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key]!)}`).join()}}`
}

/** SHA-256 of a value's canonical JSON, in hexadecimal digits. */
export const fingerprintJson = (value: JsonValue): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex')
