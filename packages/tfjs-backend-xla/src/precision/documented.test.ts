import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { followers, products, wideKernels } from './rules'

describe('docs/engine-precision.md', () => {
  const table = readFileSync(new URL('../../../../docs/engine-precision.md', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .join('\n')

  it.each([...products, ...followers].map((op) => op.split('.')[1]!))('names the operation %s', (op) => {
    expect(table).toContain(`\`${op}\``)
  })

  it.each([...wideKernels])('names the kernel %s', (kernel) => {
    expect(table).toContain(`\`${kernel}\``)
  })
})
