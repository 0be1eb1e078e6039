import { isDeepStrictEqual } from 'node:util'

/** Longest value that is shown. */
const longest = 200

/**
 * In what two values differ, a line for each key: `recipe.seed was 1, and is 2 now`.
 *
 * @param path Name of the values themselves; '' where their keys stand for themselves
 */
export const differences = (before: unknown, now: unknown, path = ''): string[] => {
  if (isDeepStrictEqual(before, now)) return []
  const isMapping = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isMapping(before) || !isMapping(now)) return [`${path} was ${show(before)}, and is ${show(now)} now`]
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])]
  return keys.flatMap((key) => differences(before[key], now[key], path === '' ? key : `${path}.${key}`))
}

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'not there'
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}
