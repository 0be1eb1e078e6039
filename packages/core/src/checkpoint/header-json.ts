/** What a safetensors header may hold: no floats, no repeated keys, nothing beyond JSON. */
export type HeaderJson = Map<string, HeaderJson> | HeaderJson[] | string | number | boolean | null

const deepest = 16
const space = new Set([' ', '\t', '\n', '\r'])
const escapes = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])

/**
 * Parses the JSON of a safetensors header. Unlike `JSON.parse` it refuses a key that comes twice in an object (two readers
 * could otherwise see two different checkpoints in one file), numbers that are not non-negative safe integers, unpaired
 * surrogates, and nesting deeper than a header can need.
 *
 * @throws SyntaxError saying what is wrong and at which character.
 */
export function parseHeaderJson(text: string): HeaderJson {
  let at = 0
  const fail = (what: string): never => {
    throw new SyntaxError(`${what} at character ${at}`)
  }
  const skipSpace = () => {
    while (space.has(text[at]!)) at++
  }

  const parseString = (): string => {
    at++
    let out = ''
    let from = at
    for (;;) {
      const code = text.charCodeAt(at)
      if (Number.isNaN(code)) fail('a string has no end')
      if (code < 0x20) fail('a string holds a control character')
      if (code === 0x22) break
      if (code !== 0x5c) {
        at++
        continue
      }
      out += text.slice(from, at)
      const letter = text[at + 1] ?? ''
      if (letter === 'u') {
        const digits = text.slice(at + 2, at + 6)
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) fail('a string holds a malformed \\u escape')
        out += String.fromCharCode(Number.parseInt(digits, 16))
        at += 6
      } else {
        out += escapes.get(letter) ?? fail('a string holds an unknown escape')
        at += 2
      }
      from = at
    }
    out += text.slice(from, at)
    at++
    if (/\p{Surrogate}/u.test(out)) fail('a string holds an unpaired surrogate')
    return out
  }

  const parseNumber = (): number => {
    const from = at
    while (/[-+.\deE]/.test(text[at] ?? '')) at++
    const literal = text.slice(from, at)
    const value = Number(literal)
    if (!/^(0|[1-9]\d*)$/.test(literal) || !Number.isSafeInteger(value)) {
      fail(`${literal.length > 24 ? 'a number' : literal} is not an integer from 0 to 2^53 - 1`)
    }
    return value
  }

  const parseObject = (depth: number): Map<string, HeaderJson> => {
    const out = new Map<string, HeaderJson>()
    at++
    skipSpace()
    if (text[at] === '}') {
      at++
      return out
    }
    for (;;) {
      skipSpace()
      if (text[at] !== '"') fail('a key is missing')
      const key = parseString()
      if (out.has(key)) fail(`the key ${JSON.stringify(key)} comes twice`)
      skipSpace()
      if (text[at] !== ':') fail("':' is missing")
      at++
      out.set(key, parseValue(depth + 1))
      skipSpace()
      const next = text[at]
      if (next !== ',' && next !== '}') fail("',' or '}' is missing")
      at++
      if (next === '}') return out
    }
  }

  const parseArray = (depth: number): HeaderJson[] => {
    const out: HeaderJson[] = []
    at++
    skipSpace()
    if (text[at] === ']') {
      at++
      return out
    }
    for (;;) {
      out.push(parseValue(depth + 1))
      skipSpace()
      const next = text[at]
      if (next !== ',' && next !== ']') fail("',' or ']' is missing")
      at++
      if (next === ']') return out
    }
  }

  const parseValue = (depth: number): HeaderJson => {
    if (depth > deepest) fail('values are nested too deeply')
    skipSpace()
    const first = text[at] ?? ''
    if (first === '{') return parseObject(depth)
    if (first === '[') return parseArray(depth)
    if (first === '"') return parseString()
    if (/[-\d]/.test(first)) return parseNumber()
    for (const [literal, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (text.startsWith(literal, at)) {
        at += literal.length
        return value
      }
    }
    return fail('a value is missing')
  }

  const value = parseValue(0)
  skipSpace()
  if (at !== text.length) fail('text follows the value')
  return value
}
