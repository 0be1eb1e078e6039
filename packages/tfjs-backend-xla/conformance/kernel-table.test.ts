import { describe, expect, it } from 'vitest'
import expectedFailures from './expected-failures.json'
import { kernelTable } from './kernel-table'

describe('docs/kernels.md', () => {
  it('is what the registry says', async () => {
    await expect(await kernelTable(expectedFailures)).toMatchFileSnapshot('../../../docs/kernels.md')
  })
})
