import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { ConfigError, RecipeError, type RecipeLayer, type RecipePlace } from '@babble/core'
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'

/** A recipe is a page of settings; anything much larger is not one. */
const mostBytes = 1 << 20
/** Aliases may stand for this many nodes in all, so that a small file cannot become a huge value. */
const mostAliases = 100

type Path = readonly (string | number)[]

/** Where the key, or the value, at a path begins in the text, as far as the path goes. */
const offsetOf = (document: Document, path: Path, part: 'key' | 'value'): number => {
  let offset = 0
  let node: unknown = document.contents
  for (const [depth, key] of path.entries()) {
    if (!isMap(node)) {
      const item = document.getIn(path.slice(0, depth + 1), true)
      if (!isNode(item)) return offset
      offset = item.range?.[0] ?? offset
      node = item
      continue
    }
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
    if (!pair) return offset
    const wanted = depth === path.length - 1 && part === 'key' ? pair.key : (pair.value ?? pair.key)
    if (isNode(wanted)) offset = wanted.range?.[0] ?? offset
    node = pair.value
  }
  return offset
}

/** Parses YAML to plain values. @throws RecipeError with the place of what is not YAML. */
const parse = (text: string, source: string): { values: unknown; locate: RecipeLayer['locate'] } => {
  const lines = new LineCounter()
  const placeOf = (offset: number): RecipePlace => {
    const { line, col } = lines.linePos(offset)
    return { source, line: Math.max(1, line), column: Math.max(1, col) }
  }
  const refuse = (offset: number, message: string) => new RecipeError([{ place: placeOf(offset), key: '', message }])
  let document: Document
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  } catch (cause) {
    // Nesting that exhausts the stack.
    throw new ConfigError('it cannot be parsed as YAML.', { file: source, cause })
  }
  const fault = document.errors[0]
  if (fault) throw refuse(fault.pos[0], `this is not YAML: ${fault.message.replace(/\.?$/, '.')}`)
  const odd = document.warnings[0]
  if (odd) throw refuse(odd.pos[0], `${odd.message}.`)
  try {
    return {
      values: document.toJS({ maxAliasCount: mostAliases }),
      locate: (path, part) => placeOf(offsetOf(document, path, part)),
    }
  } catch (cause) {
    throw new ConfigError('its aliases stand for too much.', { file: source, cause, cure: 'Write the values out.' })
  }
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Reads a recipe file.
 *
 * @param shown The file as the user named it.
 * @throws ConfigError when it cannot be read, RecipeError when it is not a YAML mapping.
 */
export const readRecipeFile = async (path: string, shown = basename(path)): Promise<RecipeLayer> => {
  let text: string
  try {
    const { size } = await stat(path)
    if (size > mostBytes) {
      throw new ConfigError(`it has ${size} bytes; a recipe has at most ${mostBytes}.`, { file: shown })
    }
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause
    const code = (cause as NodeJS.ErrnoException).code
    throw new ConfigError(code === 'ENOENT' ? 'there is no such recipe.' : `it cannot be read (${code}).`, {
      file: shown,
      cause,
      cure: 'Check the path.',
    })
  }
  const { values, locate } = parse(text, shown)
  // An empty file changes nothing.
  if (values === null || values === undefined) return { values: {}, locate }
  if (!isMapping(values)) {
    const place = locate([], 'value')
    throw new RecipeError([{ place, key: '', message: 'a recipe is a mapping of keys to values.' }])
  }
  return { values, locate }
}

/** A setting of the command line: `--set optimizer.learningRate=1e-3`. The value is YAML. */
export const parseSetting = (text: string): RecipeLayer => {
  const source = `--set ${text}`
  const equals = text.indexOf('=')
  const path = text.slice(0, equals).trim().split('.')
  if (equals < 1 || path.some((key) => key === '')) {
    const message = 'a setting is written key=value, such as optimizer.learningRate=1e-3.'
    throw new RecipeError([{ place: { source }, key: '', message }])
  }
  const value = parse(text.slice(equals + 1), source).values ?? null
  return setting(path, value, source)
}

/** One value at a path, from an option of the command line. */
export const setting = (path: readonly string[], value: unknown, source: string): RecipeLayer => ({
  values: path.reduceRight<unknown>((inner, key) => Object.fromEntries([[key, inner]]), value) as Record<
    string,
    unknown
  >,
  locate: () => ({ source }),
})
