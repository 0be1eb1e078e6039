import { ConfigError } from '../errors'

/** What a field may hold: a test, and the words for it. */
export interface FieldRule {
  readonly expected: string
  readonly allows: (value: unknown) => boolean
}

const isWhole = (value: unknown, least: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

export const integer = (least: number): FieldRule => ({
  expected: `a whole number of at least ${least}`,
  allows: (value) => isWhole(value, least),
})

export const optionalInteger: FieldRule = {
  expected: 'a whole number or null',
  allows: (value) => value === null || isWhole(value, 0),
}

/** A probability of dropping something; at 1 nothing would be left. */
export const fraction: FieldRule = {
  expected: 'a number of at least 0 and below 1',
  allows: (value) => isNumber(value) && value >= 0 && value < 1,
}

export const weight: FieldRule = {
  expected: 'a number of at least 0',
  allows: (value) => isNumber(value) && value >= 0,
}

export const positive: FieldRule = { expected: 'a number above 0', allows: (value) => isNumber(value) && value > 0 }

export const wholeList: FieldRule = {
  expected: 'a list of whole numbers of at least 1',
  allows: (value) => Array.isArray(value) && value.length > 0 && value.every((item) => isWhole(item, 1)),
}

export const oneOf = (...values: readonly unknown[]): FieldRule => ({
  expected:
    values.length === 1
      ? `${JSON.stringify(values[0])}, the only one built`
      : `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`,
  allows: (value) => values.includes(value),
})

/** @throws ConfigError unless the rule allows the value. */
export const checkField = (field: string, value: unknown, rule: FieldRule, file?: string): void => {
  if (rule.allows(value)) return
  throw new ConfigError(`${field} is ${JSON.stringify(value)}.`, { file, field, cure: `Make it ${rule.expected}.` })
}
