import { OptionError } from '../options'
import type { OpCase } from './case'

/** The lines that every run has: what the others are measured by. */
export const yardsticks: readonly string[] = ['scale 24 MB', 'matmul x W 2048x2048x2048']

/**
 * The yardsticks and the lines whose id has one of the given texts, separated by commas, in it.
 *
 * @throws OptionError when nothing has
 */
export const select = (cases: readonly OpCase[], filter: string | undefined): OpCase[] => {
  if (filter === undefined) return [...cases]
  const wanted = filter.split(',').map((text) => text.trim())
  const found = cases.filter(({ id }) => wanted.some((text) => id.includes(text)))
  if (found.length === 0)
    throw new OptionError(`--filter "${filter}" matches none of:\n  ${cases.map(({ id }) => id).join('\n  ')}`)
  return cases.filter((op) => yardsticks.includes(op.id) || found.includes(op))
}
