import { z } from 'zod'
import { ConfigError } from '../errors'
import type { TrainingTask } from './model-plugin'
import { nearest } from './nearest'
import { describeSchema, type JsonSchema, keysAt, schemaAt } from './recipe-schema'
import type { TrainingSettings } from './training-settings'

type Path = readonly (string | number)[]

/** Where a setting was made: a place in a file, or an option of the command line. */
export interface RecipePlace {
  /** The file, or the option. */
  readonly source: string
  /** From 1. */
  readonly line?: number
  readonly column?: number
}

/** Settings that differ from those before them: a recipe file, or an option of the command line. */
export interface RecipeLayer {
  readonly values: Readonly<Record<string, unknown>>
  /** Where the key or the value at `path` stands; `path` is one that `values` has. */
  locate(path: Path, part: 'key' | 'value'): RecipePlace
}

/** One thing that is wrong with a recipe. */
export interface RecipeProblem {
  readonly place: RecipePlace
  /** The setting, such as `optimizer.learningRate`. */
  readonly key: string
  readonly message: string
  /** What was probably meant. */
  readonly suggestion?: string
  /** The values or keys there are, where they are few. */
  readonly allowed?: readonly string[]
}

/**
 * Settings of a program as a layer of a recipe.
 *
 * @param source How errors name it.
 */
export const recipeLayer = (values: Readonly<Record<string, unknown>>, source = 'the recipe'): RecipeLayer => ({
  values,
  locate: () => ({ source }),
})

const placeText = ({ source, line, column }: RecipePlace): string =>
  line === undefined ? source : `${source}:${line}:${column ?? 1}`

const problemText = ({ place, message, suggestion }: RecipeProblem): string =>
  `${placeText(place)}: ${message}${suggestion === undefined ? '' : ` Did you mean ${JSON.stringify(suggestion)}?`}`

/** A recipe that cannot be used: all that is wrong with it, each with its place. */
export class RecipeError extends ConfigError {
  readonly problems: readonly RecipeProblem[]

  constructor(problems: readonly RecipeProblem[]) {
    super(problems.map(problemText).join('\n'), problems[0] ? { field: problems[0].key } : {})
    this.problems = problems
  }
}

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `differences` over `base`: mappings are merged, unless their `name` changes; lists and single values are replaced. */
export const mergeRecipe = (base: unknown, differences: unknown): unknown => {
  if (!isMapping(base) || !isMapping(differences)) return differences
  if (differences.name !== undefined && differences.name !== base.name) return differences
  const merged = new Map(Object.entries(base))
  for (const [key, value] of Object.entries(differences)) {
    merged.set(key, merged.has(key) ? mergeRecipe(merged.get(key), value) : value)
  }
  return Object.fromEntries(merged)
}

const valueAt = (value: unknown, path: Path): unknown => {
  let here = value
  for (const key of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return undefined
    here = (here as Record<string | number, unknown>)[key]
  }
  return here
}

const has = (value: unknown, path: Path): boolean => {
  const parent = valueAt(value, path.slice(0, -1))
  return path.length === 0 || (typeof parent === 'object' && parent !== null && Object.hasOwn(parent, path.at(-1)!))
}

const keyText = (path: Path): string => path.join('.')

const shown = (value: unknown): string => {
  const text = value === undefined ? 'missing' : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** A run's settings, complete, and the choices that decided over its defaults. */
export interface ResolvedRecipe {
  readonly recipe: TrainingSettings
  readonly choices: Readonly<Record<string, string>>
}

/**
 * The effective recipe: the task's defaults for the choices made (`size`, …), and over them each layer in turn.
 *
 * @param fixed Keys that name what the recipe is for, such as `model`; a layer may repeat them, but not change them.
 * @throws RecipeError listing all that is wrong, with its places.
 */
export const resolveRecipe = (
  task: TrainingTask,
  layers: readonly RecipeLayer[],
  fixed: Readonly<Record<string, string>> = {},
): ResolvedRecipe => {
  const problems: RecipeProblem[] = []
  /** The last layer that says something at the path, or at what encloses it, decides. */
  const place = (path: Path, part: 'key' | 'value'): RecipePlace => {
    for (let length = path.length; length > 0; length--) {
      const part0 = path.slice(0, length)
      const layer = layers.findLast(({ values }) => has(values, part0))
      if (layer) return layer.locate(part0, length === path.length ? part : 'value')
    }
    return { source: 'the recipe' }
  }
  const report = (path: Path, part: 'key' | 'value', problem: Omit<RecipeProblem, 'place' | 'key'>) =>
    problems.push({ place: place(path, part), key: keyText(path), ...problem })

  for (const [key, wanted] of Object.entries(fixed)) {
    for (const { values } of layers) {
      if (values[key] === undefined || values[key] === wanted) continue
      report([key], 'value', { message: `${key} is ${shown(values[key])}, but this recipe is used for ${wanted}.` })
    }
  }
  const choices: Record<string, string> = {}
  for (const [key, { values, default: usual }] of Object.entries(task.choices)) {
    const given = layers.findLast((layer) => has(layer.values, [key]))?.values[key]
    const chosen = given ?? (typeof usual === 'string' ? usual : usual(choices))
    if (typeof chosen === 'string' && values.includes(chosen)) choices[key] = chosen
    else {
      const suggestion = typeof chosen === 'string' ? nearest(chosen, values) : undefined
      const message = `${key} is ${shown(chosen)}; it must be ${describeSchema({ enum: values })}.`
      report([key], 'value', { message, allowed: values, ...(suggestion === undefined ? {} : { suggestion }) })
    }
  }
  // Without its choices there are no defaults to compare with.
  if (problems.length > 0) throw new RecipeError(problems)

  const merged = layers.reduce<unknown>((base, { values }) => mergeRecipe(base, values), task.defaults(choices))
  const own = Object.fromEntries(Object.entries(merged as object).filter(([key]) => !(key in fixed)))
  const result = task.schema.safeParse(own)
  if (result.success) return { recipe: result.data, choices }
  const schema = jsonSchemaOf(task.schema)
  for (const issue of result.error.issues) {
    const path = issue.path as Path
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(schema, path, own)
      for (const key of issue.keys) {
        const elsewhere = () => allKeys(schema).find((full) => full.split('.').at(-1) === key)
        const near = nearest(key, known)
        const suggestion = near === undefined ? elsewhere() : keyText([...path, near])
        const where = path.length === 0 ? '' : ` in ${keyText(path)}`
        const message = `there is no key ${JSON.stringify(key)}${where}.`
        const allowed = suggestion === undefined && known.length <= 20 ? ` It has ${known.join(', ')}.` : ''
        report([...path, key], 'key', {
          message: message + allowed,
          allowed: known,
          ...(suggestion === undefined ? {} : { suggestion }),
        })
      }
      continue
    }
    const value = valueAt(own, path)
    const node = schemaAt(schema, path, own)
    const words =
      issue.code === 'custom' ? issue.message.replace(/\.$/, '') : node && `it must be ${describeSchema(node)}`
    const allowed = node?.enum?.map(String)
    const suggestion = typeof value === 'string' && allowed ? nearest(value, allowed) : undefined
    report(path, 'value', {
      message: `${keyText(path)} is ${shown(value)}; ${words ?? issue.message}.`,
      ...(allowed ? { allowed } : {}),
      ...(suggestion === undefined ? {} : { suggestion }),
    })
  }
  throw new RecipeError(problems)
}

/** A recipe's schema as JSON Schema: what keys there are, what they mean and what they may be. */
export const jsonSchemaOf = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema

const allKeys = (schema: JsonSchema, path: Path = []): string[] =>
  Object.entries(schema.properties ?? {}).flatMap(([key, part]) => [
    keyText([...path, key]),
    ...allKeys(part, [...path, key]),
  ])
