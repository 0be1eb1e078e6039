import { availableParallelism } from 'node:os'
import { type ContestantKey, contestantKeys, type Device, devices, type Precision, precisions } from './settings'

/** An option of a command line that cannot be used as it stands. */
export class OptionError extends Error {}

/** A whole number of at least `minimum`. */
export const wholeNumber = (option: string, text: string, minimum: number): number => {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < minimum)
    throw new OptionError(`--${option} takes a whole number of at least ${minimum}, not "${text}".`)
  return value
}

/** A number above 0. */
export const positiveNumber = (option: string, text: string): number => {
  const value = Number(text)
  if (!(value > 0 && Number.isFinite(value)))
    throw new OptionError(`--${option} takes a number above 0, not "${text}".`)
  return value
}

const oneOf = <T extends string>(option: string, text: string, allowed: readonly T[]): T => {
  const found = allowed.find((value) => value === text)
  if (!found) throw new OptionError(`--${option} takes ${allowed.join(' or ')}, not "${text}".`)
  return found
}

export const deviceOption = (text: string): Device => oneOf('device', text, devices)

export const precisionOption = (text: string): Precision => oneOf('precision', text, precisions)

/** Names separated by commas, in the order of {@link contestantKeys} and each once. */
export const contestantsOption = (text: string): ContestantKey[] => {
  const wanted = text.split(',').map((name) => oneOf('contestants', name.trim(), contestantKeys))
  return contestantKeys.filter((key) => wanted.includes(key))
}

/** Default: every core of the machine. */
export const threadsOption = (text: string | undefined): number =>
  text === undefined ? availableParallelism() : wholeNumber('threads', text, 1)

/** The command of a record as a shell takes it again: arguments with other than plain characters are quoted. */
export const commandLine = (script: string, args: readonly string[]): string => {
  const quoted = args.map((arg) => (/^[\w.,:=/@%+-]+$/.test(arg) ? arg : `"${arg.replaceAll(/(["\\$`])/g, '\\$1')}"`))
  return args.length === 0 ? `npm run ${script}` : `npm run ${script} -- ${quoted.join(' ')}`
}
