import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fingerprintFile } from './fingerprint-file'

it('is the size and SHA-256 of a file of any length', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'babble-fingerprint-'))
  try {
    const path = join(folder, 'train.tsv')
    for (const content of ['', 'a.wav\t16000\n', 'b.wav\t16000\n'.repeat(100_000)]) {
      await writeFile(path, content)
      const sha256 = createHash('sha256').update(content).digest('hex')
      expect(await fingerprintFile(path)).toEqual({ bytes: content.length, sha256 })
    }
    await expect(fingerprintFile(join(folder, 'none'))).rejects.toThrow(/none: there is no such file\./)
    await expect(fingerprintFile(path, AbortSignal.abort())).rejects.toThrow('aborted')
  } finally {
    await rm(folder, { recursive: true })
  }
})
