import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCorpus } from '@babble/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand } from './testing/run-command'
import { writeTones } from './testing/tones'

describe('babble prepare', () => {
  let cwd: string
  const babble = (line: string) => runCommand(line.split(' '), { cwd, plugins: [] })
  const at = (...parts: string[]) => join(cwd, ...parts)

  beforeAll(() => {
    cwd = mkdtempSync(join(tmpdir(), 'babble-prepare-'))
    writeTones(at('recordings'))
    rmSync(at('recordings/manifest.tsv'))
  })
  afterAll(() => rmSync(cwd, { recursive: true, force: true }))

  it('makes manifests that training reads', async () => {
    const { code, out, err } = await babble('prepare folder recordings corpus --valid 0.25 --json --quiet')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const { layout, splits } = JSON.parse(out)
    expect(layout).toBe('folder')
    expect(splits).toMatchObject({
      train: { clips: 12, manifest: at('corpus/train.jsonl') },
      valid: { clips: 4, manifest: at('corpus/valid.jsonl') },
    })
    expect(readFileSync(at('corpus/train.tsv'), 'utf8').split('\n')).toHaveLength(14)
    const { train, valid } = await openCorpus(at('corpus'))
    expect([train.length, valid?.length]).toEqual([12, 4])
  })

  it('tells people where the parts are', async () => {
    const { code, out } = await babble('prepare auto recordings corpus2 --min-seconds 0.1')
    expect(code).toBe(0)
    expect(out).toBe(`Layout: folder\ntrain: 16 recordings, 0:05, 0 transcribed: ${at('corpus2/train.jsonl')}\n`)
  })

  it('packs shards, and indexes shards', async () => {
    const { code, out } = await babble('prepare folder recordings packed --pack 1 --json --quiet')
    expect(code).toBe(0)
    expect(JSON.parse(out).packed.train).toMatchObject({
      clips: 16,
      shards: 1,
      manifest: at('packed/shards/train/index.jsonl'),
    })
    expect(readdirSync(at('packed/shards/train'))).toContain('shard-000000.tar')
    const indexed = await babble('prepare webdataset packed/shards/train again --quiet')
    expect(indexed).toEqual({ code: 0, out: `16 recordings in 1 shards: ${at('again/manifest.jsonl')}\n`, err: '' })
    expect((await openCorpus(at('again'))).train.length).toBe(16)
  })

  it('says what is wrong', async () => {
    const said = async (line: string) => {
      const { code, err } = await babble(line)
      return `${code} ${err.replaceAll(`${cwd}/`, '')}`
    }
    expect(await said('prepare folders recordings corpus3')).toMatch(
      /^2 babble: command-argument value 'folders' is invalid/,
    )
    expect(await said('prepare folder recordings corpus3 --valid 5')).toBe(
      '2 babble: --valid is "5". Give a number above 0 and below 1, such as 0.05.\n',
    )
    expect(await said('prepare folder nowhere corpus3')).toMatch(/^1 babble: nowhere/)
    expect(existsSync(at('corpus3'))).toBe(false)
  })
})
