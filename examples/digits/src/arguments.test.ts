import { ConfigError } from '@babble/core'
import { describe, expect, it } from 'vitest'
import { helpText, parseArguments } from './arguments'

describe('parseArguments', () => {
  it('has defaults for all', () => {
    const rest = { help: false, quick: false, compare: false, fresh: false }
    expect(parseArguments([])).toEqual({ ...rest, out: 'runs/digits', seed: 1 })
  })

  it('reads every option', () => {
    const args = ['--quick', '--compare', '--fresh', '--data', 'here', '--out=there', '--seed', '7', '-h']
    const expected = { help: true, quick: true, compare: true, fresh: true, data: 'here', out: 'there', seed: 7 }
    expect(parseArguments(args)).toEqual(expected)
  })

  it('takes recordings from the environment, unless the command line names others', () => {
    const environment = { BABBLE_DATA: 'environment' }
    expect(parseArguments([], environment).data).toBe('environment')
    expect(parseArguments(['--data', 'named'], environment).data).toBe('named')
    expect(parseArguments([], { BABBLE_DATA: '' })).not.toHaveProperty('data')
  })

  it.each([
    [['--fast'], /--fast.*--help/],
    [['digits'], /digits.*--help/],
    [['--seed', 'x'], /--seed is "x"/],
    [['--seed', '1.5'], /whole number/],
    [['--seed', '99999999999999999999'], /whole number/],
    [['--out', ''], /--out is empty/],
    [['--data', ''], /--data is empty/],
    [['--out'], /--out/],
  ])('refuses %j', (args, message) => {
    expect(() => parseArguments(args)).toThrow(ConfigError)
    expect(() => parseArguments(args)).toThrow(message)
  })

  it('explains each option, with examples', () => {
    for (const option of ['compare', 'quick', 'data', 'out', 'seed', 'fresh', 'help']) {
      expect(helpText).toContain(`--${option}`)
    }
    expect(helpText).toMatch(/Examples:\n {2}npm run demo\n/)
  })
})
