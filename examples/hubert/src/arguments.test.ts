import { ConfigError } from '@babble/core'
import { describe, expect, it } from 'vitest'
import { helpText, parseArguments } from './arguments'

describe('parseArguments', () => {
  it('has defaults for all, and another folder for shortened runs', () => {
    expect(parseArguments([])).toEqual({ help: false, quick: false, fresh: false, out: 'runs/hubert', seed: 1 })
    expect(parseArguments(['--quick']).out).toBe('runs/hubert-quick')
    expect(parseArguments(['--quick', '--out', 'there']).out).toBe('there')
  })

  it('reads a stage to begin from', () => {
    expect(parseArguments(['--from', 'iteration-2']).from).toBe('iteration-2')
    expect(parseArguments([])).not.toHaveProperty('from')
  })

  it('refuses what it does not know', () => {
    expect(() => parseArguments(['--compare'])).toThrow(ConfigError)
    expect(() => parseArguments(['--compare'])).toThrow(/--compare.*--help/)
    expect(() => parseArguments(['--from'])).toThrow(/--from/)
  })

  it('explains each option, with examples', () => {
    for (const option of ['quick', 'data', 'out', 'seed', 'from', 'fresh', 'help']) {
      expect(helpText).toContain(`--${option}`)
    }
    expect(helpText).toMatch(/Examples:\n {2}npm run example:hubert\n/)
  })
})
