import { existsSync, readFileSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Sandbox, zip } from './testing'
import { unpackZip } from './unpack'

describe('unpackZip', () => {
  const sandbox = new Sandbox()
  const long = 'abc'.repeat(100_000)
  const archive = zip({ 'first.txt': 'first', 'folder/long.so': long, 'plain.stored': 'as it is', empty: '' })
  const same = (name: string) => name
  const unpack = (bytes: Uint8Array, place: (name: string) => string | undefined = same) =>
    unpackZip(sandbox.write('a.zip', bytes), sandbox.path('out'), place)
  const read = (name: string) => readFileSync(sandbox.path('out', name), 'utf8')

  it('writes what it is asked to where it is asked to, and tells the sizes', async () => {
    const written = await unpack(archive, (name) => (name === 'first.txt' ? undefined : `in/${name}`))
    expect(written).toEqual({ 'in/folder/long.so': 300_000, 'in/plain.stored': 8, 'in/empty': 0 })
    expect(read('in/folder/long.so')).toBe(long)
    expect(read('in/plain.stored')).toBe('as it is')
    expect(read('in/empty')).toBe('')
    expect(existsSync(sandbox.path('out', 'in', 'first.txt'))).toBe(false)
  })

  it('finds the directory before a comment', async () => {
    await unpack(Buffer.concat([archive, Buffer.from('a comment')]))
    expect(read('first.txt')).toBe('first')
  })

  it('writes copies of a library under several names once', async () => {
    await unpack(zip({ 'lib/a.so': long, 'lib/a.so.1': long, 'lib/a.so.1.2': long, 'lib/b.so': long }))
    const inode = (name: string) => statSync(sandbox.path('out', 'lib', name)).ino
    expect(new Set(['a.so', 'a.so.1', 'a.so.1.2'].map(inode)).size).toBe(1)
    expect(inode('b.so')).not.toBe(inode('a.so'))
    expect(read('lib/a.so.1.2')).toBe(long)
  })

  it('keeps programs executable', async () => {
    const programs = Buffer.from(zip({ program: 'run' }))
    const entry = programs.indexOf(Buffer.from([0x50, 0x4b, 1, 2]))
    programs.writeUInt32LE((0o100755 << 16) >>> 0, entry + 38)
    await unpack(programs)
    expect(statSync(sandbox.path('out', 'program')).mode & 0o111).toBe(0o111)
  })

  it.each(['../outside', 'a/../../outside', '/outside'])('refuses to write %s', async (name) => {
    await expect(unpack(zip({ [name]: 'x' }))).rejects.toThrow(/would leave its folder/)
  })

  it('refuses what is no archive, or not all of one', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('hello'), archive.subarray(0, archive.length - 10)]) {
      await expect(unpack(bytes)).rejects.toThrow()
    }
  })

  it('refuses a file of another length than its directory says', async () => {
    const lying = Buffer.from(archive)
    const entry = lying.indexOf(Buffer.from([0x50, 0x4b, 1, 2]))
    for (const length of [4, 6]) {
      lying.writeUInt32LE(length, entry + 24)
      const folder = sandbox.path(`out-${length}`)
      await expect(unpackZip(sandbox.write('a.zip', lying), folder, same)).rejects.toThrow(
        /longer than its directory says|cut short/,
      )
    }
  })
})
