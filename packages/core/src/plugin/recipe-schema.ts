/** The parts of JSON Schema that recipes use. */
export interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
  readonly exclusiveMaximum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema | false
  readonly prefixItems?: readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
}

const variants = (schema: JsonSchema): readonly JsonSchema[] => schema.oneOf ?? schema.anyOf ?? [schema]

/** Whether the constants that a variant demands are those of the value. */
const fits = (schema: JsonSchema, value: unknown): boolean =>
  Object.entries(schema.properties ?? {}).every(
    ([key, { const: wanted }]) =>
      wanted === undefined || (value as Record<string, unknown> | undefined)?.[key] === wanted,
  )

/** The variants of a union that a value can be meant to be: those whose constants it has, or else all. */
const meant = (schema: JsonSchema, value: unknown): readonly JsonSchema[] => {
  const all = variants(schema).filter(({ type }) => type !== 'null')
  const fitting = all.filter((variant) => fits(variant, value))
  return fitting.length > 0 ? fitting : all
}

const child = (value: unknown, key: string | number): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[key] : undefined

/** The schema at a path, of a value that may decide between variants. */
export const schemaAt = (
  schema: JsonSchema,
  path: readonly (string | number)[],
  value: unknown,
): JsonSchema | undefined => {
  const [key, ...rest] = path
  if (key === undefined) return schema
  const found = meant(schema, value).flatMap((variant) => {
    const part = typeof key === 'number' ? (variant.prefixItems?.[key] ?? variant.items) : variant.properties?.[key]
    return part ? [part] : []
  })
  if (found.length === 0) return undefined
  // The names of all variants, where a name is what is wrong.
  const names = found.map(({ const: name }) => name).filter((name) => name !== undefined)
  if (rest.length === 0 && names.length > 1) return { enum: names }
  return schemaAt(found[0]!, rest, child(value, key))
}

/** The keys that the mapping at a path can have. */
export const keysAt = (schema: JsonSchema, path: readonly (string | number)[], value: unknown): string[] => {
  const found = schemaAt(schema, path, value)
  const here = path.reduce(child, value)
  return found ? [...new Set(meant(found, here).flatMap(({ properties = {} }) => Object.keys(properties)))] : []
}

const list = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`

const range = (schema: JsonSchema): string => {
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = schema
  const lower = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? ` of at least ${minimum}` : undefined
  const upper = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined
  if (minimum !== undefined && lower !== undefined && upper !== undefined) return ` from ${minimum} to ${upper}`
  const parts = [
    lower ?? (exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`),
    upper === undefined ? (exclusiveMaximum === undefined ? '' : ` below ${exclusiveMaximum}`) : ` up to ${upper}`,
  ].filter((part) => part !== '')
  return parts.join(' and')
}

/** What a value must be, in words: `a whole number of at least 1`, `one of tiny, base or large`. */
export const describeSchema = (schema: JsonSchema): string => {
  if (schema.enum) return `${schema.enum.length > 1 ? 'one of ' : ''}${list(schema.enum.map(String))}`
  if (schema.const !== undefined) return String(schema.const)
  const several = schema.oneOf ?? schema.anyOf
  if (several) return list([...new Set(several.map(describeSchema))])
  switch (schema.type) {
    case 'integer':
      return `a whole number${range(schema)}`
    case 'number':
      return `a number${range(schema)}`
    case 'boolean':
      return 'true or false'
    case 'string':
      return 'a text'
    case 'null':
      return 'null'
    case 'array':
      return schema.prefixItems ? `a list of ${schema.prefixItems.length} numbers` : 'a list'
    case 'object':
      return `a mapping with the keys ${list(Object.keys(schema.properties ?? {}))}`
    default:
      return 'another value'
  }
}
