import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Sandbox, zip } from './testing'
import { extractZipEntry } from './zip'

describe('extractZipEntry', () => {
  const sandbox = new Sandbox()
  const long = 'abc'.repeat(100_000)
  const archive = zip({ 'first.txt': 'first', 'folder/long.so': long, 'plain.stored': 'as it is', empty: '' })

  it.each([
    ['folder/long.so', long],
    ['plain.stored', 'as it is'],
    ['empty', ''],
  ])('unpacks %s', async (name, content) => {
    const bytes = await extractZipEntry(sandbox.write('a.zip', archive), name, sandbox.path('out'))
    expect(bytes).toBe(content.length)
    expect(readFileSync(sandbox.path('out'), 'utf8')).toBe(content)
  })

  it('finds the directory before a comment', async () => {
    const commented = Buffer.concat([archive, Buffer.from('a comment')])
    await extractZipEntry(sandbox.write('a.zip', commented), 'first.txt', sandbox.path('out'))
    expect(readFileSync(sandbox.path('out'), 'utf8')).toBe('first')
  })

  it('refuses a name that is not there', async () => {
    await expect(extractZipEntry(sandbox.write('a.zip', archive), 'long.so', sandbox.path('out'))).rejects.toThrow(
      /holds no file long\.so/,
    )
  })

  it('refuses what is no archive, or not all of one', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('hello'), archive.subarray(0, archive.length - 10)]) {
      await expect(extractZipEntry(sandbox.write('a.zip', bytes), 'first.txt', sandbox.path('out'))).rejects.toThrow()
    }
  })

  it('refuses a file of another length than its directory says', async () => {
    const lying = Buffer.from(archive)
    const entry = lying.indexOf(Buffer.from([0x50, 0x4b, 1, 2]))
    for (const length of [4, 6]) {
      lying.writeUInt32LE(length, entry + 24)
      await expect(extractZipEntry(sandbox.write('a.zip', lying), 'first.txt', sandbox.path('out'))).rejects.toThrow(
        /longer than its directory says|cut short/,
      )
    }
  })
})
