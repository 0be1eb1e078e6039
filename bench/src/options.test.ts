import { describe, expect, it } from 'vitest'
import {
  commandLine,
  contestantsOption,
  deviceOption,
  OptionError,
  positiveNumber,
  precisionOption,
  threadsOption,
  wholeNumber,
} from './options'

describe('options of the benchmarks', () => {
  it('reads numbers and says which option is wrong', () => {
    expect(wholeNumber('rounds', '3', 1)).toBe(3)
    expect(wholeNumber('warmup', '0', 0)).toBe(0)
    expect(positiveNumber('turn', '0.25')).toBe(0.25)
    for (const text of ['0', '1.5', 'x', ' ', '-1']) {
      expect(() => wholeNumber('rounds', text, 1)).toThrow(/--rounds takes a whole number of at least 1/)
    }
    for (const text of ['0', '-1', 'x', 'Infinity']) expect(() => positiveNumber('turn', text)).toThrow('--turn')
  })

  it('takes contestants once each, in the order of the tables', () => {
    expect(contestantsOption('wasm, ours,wasm,pytorch')).toEqual(['ours', 'pytorch', 'wasm'])
    expect(() => contestantsOption('ours,jax')).toThrow(/--contestants takes ours or pytorch .*, not "jax"/)
    expect(() => contestantsOption('')).toThrow(OptionError)
  })

  it('knows devices and precisions, and takes all cores without --threads', () => {
    expect([deviceOption('cuda'), precisionOption('bf16')]).toEqual(['cuda', 'bf16'])
    expect(() => deviceOption('tpu')).toThrow('--device takes cpu or cuda, not "tpu".')
    expect(() => precisionOption('fp16')).toThrow('--precision')
    expect(threadsOption('2')).toBe(2)
    expect(threadsOption(undefined)).toBeGreaterThanOrEqual(1)
    expect(() => threadsOption('0')).toThrow('--threads')
  })

  it('writes down a command that a shell takes again', () => {
    expect(commandLine('bench', [])).toBe('npm run bench')
    expect(commandLine('bench', ['--rounds', '3', '--contestants', 'ours,pytorch-compile'])).toBe(
      'npm run bench -- --rounds 3 --contestants ours,pytorch-compile',
    )
    expect(commandLine('bench:ops', ['--filter', 'layer norm,x Wᵀ $1'])).toBe(
      'npm run bench:ops -- --filter "layer norm,x Wᵀ \\$1"',
    )
  })
})
