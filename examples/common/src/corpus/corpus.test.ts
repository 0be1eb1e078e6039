import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataError, decodeWav, encodeWav } from '@babble/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { digitWords, splitOf } from './corpus'
import { downloadedCorpus, type HashTable } from './download'
import { dataCache, findCorpus } from './find-corpus'
import { localCorpus } from './local'
import hashes from './recordings.json' with { type: 'json' }
import { splitAtSilence, synthesisedCorpus } from './synthesis'

const sound = (seed: number) =>
  encodeWav(
    Float32Array.from({ length: 400 }, (_, i) => 0.5 * Math.sin(i * seed)),
    8000,
  )
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const recordings = new Map(
  ['0_jackson_0.wav', '1_jackson_7.wav', '2_theo_12.wav', '3_george_29.wav'].map((name, index) => [
    name,
    sound(index + 1),
  ]),
)
const table: HashTable = Object.fromEntries([...recordings].map(([name, bytes]) => [name, sha256(bytes)]))

let server: Server
let base: string
let requests: string[] = []
/** Changes the answer for a name: another body, or a status. */
let answers: Record<string, (Uint8Array | number)[]> = {}
let folder: string

beforeAll(async () => {
  server = createServer((request, response) => {
    const name = request.url!.split('/').at(-1)!
    requests.push(name)
    const answer = answers[name]?.shift() ?? recordings.get(name) ?? 404
    if (typeof answer === 'number') response.writeHead(answer).end()
    else response.end(answer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/recordings/`
})
afterAll(() => new Promise((resolve) => server.close(resolve)))
beforeEach(async () => {
  requests = []
  answers = {}
  folder = await mkdtemp(join(tmpdir(), 'babble-digits-'))
})
afterEach(() => rm(folder, { recursive: true }))

const download = () => downloadedCorpus({ directory: folder, hashes: table, base, tries: 2 })

describe('the table of recordings', () => {
  it('lists takes 0 to 29 of each digit by five speakers', () => {
    const names = Object.keys(hashes)
    const splits = names.map((name) => {
      const [, speaker, take] = name.replace('.wav', '').split('_')
      return splitOf(speaker!, Number(take))
    })
    const count = (split: string) => splits.filter((each) => each === split).length
    expect([count('train'), count('valid'), count('test'), names.length]).toEqual([1000, 200, 300, 1500])
    expect(Object.values(hashes).every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true)
    expect(new Set(Object.values(hashes)).size).toBe(1500)
  })

  it('has no place for other speakers and takes', () => {
    expect(splitOf('yweweler', 3)).toBeUndefined()
    expect(splitOf('theo', 30)).toBeUndefined()
  })
})

describe('downloadedCorpus', () => {
  it('fetches the recordings and knows what they are', async () => {
    const { clips, synthetic } = await download()
    expect(clips.map(({ text, speaker, split }) => [text, speaker, split])).toEqual([
      ['zero', 'jackson', 'valid'],
      ['one', 'jackson', 'train'],
      ['two', 'theo', 'train'],
      ['three', 'george', 'test'],
    ])
    expect(synthetic).toBe(false)
    for (const [name, bytes] of recordings) expect(Buffer.compare(await readFile(join(folder, name)), bytes)).toBe(0)
  })

  it('fetches only what is not there, and again what is damaged', async () => {
    await download()
    requests = []
    await download()
    expect(requests).toEqual([])
    await writeFile(join(folder, '2_theo_12.wav'), 'damaged')
    await rm(join(folder, '1_jackson_7.wav'))
    await download()
    expect(requests.sort()).toEqual(['1_jackson_7.wav', '2_theo_12.wav'])
  })

  it('refuses a recording that is not the published one, and keeps nothing of it', async () => {
    answers['1_jackson_7.wav'] = [sound(9)]
    const failure = await download().catch((error) => error)
    expect(failure).toBeInstanceOf(DataError)
    expect(failure.message).toContain('1_jackson_7.wav')
    expect(failure.message).toContain(sha256(sound(9)))
    expect(await readdir(folder)).not.toContain('1_jackson_7.wav')
    expect((await download()).clips.length).toBe(4)
  })

  it('goes on where it stopped', async () => {
    answers['3_george_29.wav'] = [404]
    await expect(downloadedCorpus({ directory: folder, hashes: table, base, concurrency: 1 })).rejects.toThrow(
      /3_george_29\.wav.*404/,
    )
    requests = []
    await download()
    expect(requests).toEqual(['3_george_29.wav'])
  })

  it('tries again after a fault of the server, not after a refusal', async () => {
    answers['0_jackson_0.wav'] = [503]
    await download()
    expect(requests.filter((name) => name === '0_jackson_0.wav').length).toBe(2)
    await rm(join(folder, '0_jackson_0.wav'))
    answers['0_jackson_0.wav'] = [403, 403]
    requests = []
    await expect(download()).rejects.toThrow(/403/)
    expect(requests.length).toBe(1)
  })

  it('stops when it is asked to', async () => {
    const signal = AbortSignal.abort()
    await expect(downloadedCorpus({ directory: folder, hashes: table, base, signal })).rejects.toThrow(/abort/i)
    expect(requests).toEqual([])
  })
})

describe('localCorpus', () => {
  const manifest = (...rows: string[]) => ['path\ttext\tspeaker\tsplit', ...rows].join('\n')

  it('reads a folder with a manifest, or one with such a folder "digits"', async () => {
    const rows = manifest(
      'a.wav\tone\tann\ttrain',
      'b.wav\ttwo\tann\tvalid',
      'c.wav\tsix\tbob\ttest',
      'd.wav\tsix\teve\tholdout',
    )
    await writeFile(join(folder, 'manifest.tsv'), rows)
    const { clips } = await localCorpus(folder)
    expect(clips.map(({ path, split }) => [path, split])).toEqual([
      [join(folder, 'a.wav'), 'train'],
      [join(folder, 'b.wav'), 'valid'],
      [join(folder, 'c.wav'), 'test'],
    ])
  })

  it.each([
    ['no manifest', undefined, /no manifest\.tsv/],
    ['a text that is no digit', manifest('a.wav\televen\tann\ttrain'), /eleven/],
    ['an empty split', manifest('a.wav\tone\tann\ttrain', 'b.wav\ttwo\tann\tvalid'), /split test/],
  ])('refuses a folder with %s', async (_, text, message) => {
    if (text) await writeFile(join(folder, 'manifest.tsv'), text)
    await expect(localCorpus(folder)).rejects.toThrow(message)
  })
})

describe('findCorpus', () => {
  it('takes the folder that is named, and nothing else', async () => {
    await expect(findCorpus({ data: folder, cache: folder, download: { base, hashes: table } })).rejects.toThrow(
      /no manifest/,
    )
    expect(requests).toEqual([])
  })

  it('takes the public recordings next, and says nothing', async () => {
    const notes: string[] = []
    const corpus = await findCorpus({
      cache: folder,
      download: { base, hashes: table },
      onNote: (text) => notes.push(text),
    })
    expect(corpus.source).toContain('Free Spoken Digit Dataset')
    expect(notes).toEqual([])
  })

  it('synthesises speech when they cannot be had, and says so', async () => {
    const notes: string[] = []
    const corpus = await findCorpus({
      cache: folder,
      download: { base: 'http://127.0.0.1:9/', hashes: table, tries: 1 },
      synthesis: { takes: 2, validTakes: 1 },
      onNote: (text) => notes.push(text),
    })
    expect(corpus.synthetic).toBe(true)
    expect(notes.join(' ')).toMatch(/cannot be had.*SYNTHETIC/)
  })

  it('keeps data where caches belong', () => {
    expect(dataCache({ BABBLE_CACHE: '/somewhere' })).toBe(join('/somewhere', 'data'))
    expect(dataCache({ XDG_CACHE_HOME: '/xdg' })).toBe(join('/xdg', 'babble', 'data'))
    expect(dataCache({ XDG_CACHE_HOME: 'relative', HOME: '/home/ann' })).toMatch(/^\/home\/ann/)
  })
})

describe('synthesisedCorpus', () => {
  it('speaks ten digits in five voices, one of them for testing only, and keeps them', async () => {
    const { clips } = await synthesisedCorpus({ directory: folder, takes: 2, validTakes: 1 })
    const count = (split: string) => clips.filter((clip) => clip.split === split).length
    expect([count('train'), count('valid'), count('test')]).toEqual([40, 40, 20])
    const speakers = (split: string) =>
      new Set(clips.filter((clip) => clip.split === split).map(({ speaker }) => speaker))
    expect(speakers('valid')).toEqual(speakers('train'))
    expect([...speakers('test')].some((speaker) => speakers('train').has(speaker))).toBe(false)
    const spoken = new Map<string, number[]>()
    for (const { path, text } of clips) {
      const { samples, sampleRate } = decodeWav(await readFile(path), path)
      const seconds = samples.length / sampleRate
      expect(seconds).toBeGreaterThan(0.15)
      expect(seconds).toBeLessThan(1.2)
      spoken.set(text, [...(spoken.get(text) ?? []), seconds])
    }
    expect([...spoken.keys()]).toEqual([...digitWords])

    const { path } = clips[0]!
    await utimes(path, 1, 1)
    const again = await synthesisedCorpus({ directory: folder, takes: 2, validTakes: 1 })
    expect(again.clips).toEqual(clips)
    expect((await import('node:fs')).statSync(path).mtimeMs).toBe(1000)
  })

  it('makes the same recordings each time', async () => {
    const other = await mkdtemp(join(folder, 'other-'))
    const [a, b] = [
      await synthesisedCorpus({ directory: folder, takes: 1 }),
      await synthesisedCorpus({ directory: other, takes: 1 }),
    ]
    for (const [index, { path }] of a.clips.entries()) {
      expect(Buffer.compare(await readFile(path), await readFile(b.clips[index]!.path))).toBe(0)
    }
  })
})

describe('splitAtSilence', () => {
  it('cuts where it is quiet for long, and keeps a margin', () => {
    const samples = new Float32Array(1000)
    samples.fill(0.5, 100, 200)
    samples.fill(0.5, 220, 300)
    samples.fill(-0.5, 600, 700)
    const parts = splitAtSilence(samples, 1000, 0.1, 0.01)
    expect(parts.map((part) => part.length)).toEqual([220, 120])
    expect([parts[0]![9], parts[0]![10]]).toEqual([0, 0.5])
  })
})
