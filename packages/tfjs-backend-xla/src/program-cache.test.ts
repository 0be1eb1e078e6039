import { describe, expect, it } from 'vitest'
import type { PjrtExecutable } from './pjrt/index'
import { ProgramCache } from './program-cache'

/** A cache of at most `limit` idle programs, and the texts of those that have been freed. */
const cacheOf = (limit: number) => {
  const freed: string[] = []
  const compile = (text: string) => ({ dispose: () => freed.push(text) }) as unknown as PjrtExecutable
  return { freed, cache: new ProgramCache(compile, limit) }
}

describe('the cache of compiled programs', () => {
  it('compiles a program once', () => {
    const { cache } = cacheOf(4)
    const [a, b, again] = [cache.use('a', []), cache.acquire('b', []), cache.use('a', [])]
    expect(again).toBe(a)
    expect(cache.acquire('b', [])).toBe(b)
    expect(cache.compileCount).toBe(2)
  })

  it('frees the program that was used the longest time ago, when there are too many', () => {
    const { cache, freed } = cacheOf(2)
    cache.use('a', [])
    cache.use('b', [])
    cache.use('a', [])
    cache.use('c', [])
    expect([freed, cache.size]).toEqual([['b'], 2])
    cache.use('b', [])
    expect(cache.compileCount).toBe(4)
  })

  it('keeps what is held, and counts holders', () => {
    const { cache, freed } = cacheOf(1)
    cache.acquire('held', [])
    cache.acquire('held', [])
    for (const text of ['a', 'b', 'c']) cache.use(text, [])
    expect(freed).toEqual(['a', 'b'])
    cache.release('held')
    cache.use('d', [])
    expect(freed).toEqual(['a', 'b', 'c'])
    cache.release('held')
    expect(freed).toEqual(['a', 'b', 'c', 'd'])
    cache.use('e', [])
    expect(freed).toEqual(['a', 'b', 'c', 'd', 'held'])
  })

  it('stays bounded over ever new programs', () => {
    const { cache, freed } = cacheOf(8)
    for (let i = 0; i < 1000; i++) cache.use(`shape ${i}`, [])
    expect([cache.size, freed.length]).toEqual([8, 992])
  })

  it('is no worse off for a release too many', () => {
    const { cache, freed } = cacheOf(1)
    cache.acquire('a', [])
    cache.release('a')
    cache.release('a')
    cache.release('unknown')
    cache.use('b', [])
    expect([freed, cache.size]).toEqual([['a'], 1])
  })
})
