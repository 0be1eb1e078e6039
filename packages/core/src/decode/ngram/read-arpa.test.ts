import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readSafetensors, toFloat32 } from '../../checkpoint/index'
import { DataError } from '../../errors'
import { HostRng } from '../../random/index'
import { ArpaParser } from './arpa-parser'
import { NgramModel, parseArpa, readArpa } from './index'

const fixture = (name: string) => new URL(`../../../fixtures/ctc-beam-search/${name}`, import.meta.url).pathname
const bytesOf = (text: string) => new TextEncoder().encode(text)

const small = `\\data\\
ngram 1=5
ngram 2=3
ngram 3=1

\\1-grams:
-1.5\t<unk>
0\t<s>\t-0.5
-0.75\t</s>
-1\ta\t-0.25
-1.25\tb\t-0.125

\\2-grams:
-0.5\t<s> a\t-0.375
-0.625\ta b\t-0.0625
-0.875\tb b

\\3-grams:
-0.1\t<s> a b

\\end\\
`

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('readArpa', () => {
  it('scores sentences as KenLM does', async () => {
    const model = await readArpa(fixture('lm.arpa'))
    const texts = JSON.parse(await readFile(fixture('expected_texts.json'), 'utf8')) as Record<string, string[]>
    const { tensors } = await readSafetensors(fixture('expected.safetensors'))
    const expected = toFloat32(tensors.get('lm_sentence_log10')!)
    expect(texts.lm_sentences).toHaveLength(4)
    texts.lm_sentences!.forEach((sentence, i) => {
      expect(Math.abs(model.sentenceLogProb10(sentence) - expected[i]!)).toBeLessThan(1e-6)
    })
  })

  it('backs off to the longest n-gram there is, adding the weights of the longer contexts', () => {
    const model = parseArpa(bytesOf(small))
    expect(model.order).toBe(3)
    expect(model.counts).toEqual([5, 3, 1])
    const [a, b] = [model.wordId('a'), model.wordId('b')]
    const say = (...words: number[]) => words.reduce((state, word) => model.next(state, word), model.startState)
    expect(model.logProb10(model.startState, a)).toBeCloseTo(-0.5, 7)
    expect(model.logProb10(say(a), b)).toBeCloseTo(-0.1, 7)
    // After "<s> a b" the model knows "a b": its weight, then that of "b", then the 1-gram.
    expect(model.logProb10(say(a, b), b)).toBeCloseTo(-0.0625 - 0.875, 7)
    expect(model.logProb10(say(a, b), a)).toBeCloseTo(-0.0625 - 0.125 - 1, 7)
    expect(model.logProb10(say(a), a)).toBeCloseTo(-0.375 - 0.25 - 1, 7)
    // Unknown words are <unk>, and forget what was before.
    const unknown = model.wordId('zebra')
    expect(unknown).toBe(model.unknownId)
    expect(model.has('zebra')).toBe(false)
    expect(model.logProb10(say(a, unknown), b)).toBeCloseTo(-1.25, 7)
    expect(model.sentenceLogProb10('a zebra b')).toBeCloseTo(-0.5 + (-0.375 - 0.25 - 1.5) - 1.25 - 0.125 - 0.75, 6)
    expect(model.sentenceLogProb10('b b', { boundaries: false })).toBeCloseTo(-1.25 - 0.875, 7)
  })

  it('gives a context that a pruned model lists only within longer n-grams its backed-off probability', () => {
    const text = small.replace('ngram 2=3', 'ngram 2=2').replace('-0.5\t<s> a\t-0.375\n', '')
    const model = parseArpa(bytesOf(text))
    const [a, b] = [model.wordId('a'), model.wordId('b')]
    expect(model.logProb10(model.startState, a)).toBeCloseTo(-0.5 - 1, 7)
    expect(model.logProb10(model.next(model.startState, a), b)).toBeCloseTo(-0.1, 7)
    expect(model.logProb10(model.next(model.startState, a), a)).toBeCloseTo(-0.25 - 1, 7)
  })

  it('reads a 1-gram model, one without <unk>, spaces for tabs, carriage returns and text before it', () => {
    const text = 'A licence.\r\n\r\n\\data\\\r\nngram 1=3\r\n\\1-grams:\r\n-1 <s>\r\n-0.5 </s>\r\n-2e-1 a\r\n\\end\\'
    const model = parseArpa(bytesOf(text))
    expect(model.sentenceLogProb10('a')).toBeCloseTo(-0.7, 7)
    expect(model.sentenceLogProb10('b')).toBeCloseTo(-100.5, 5)
    expect(model.next(model.startState, model.wordId('a'))).toBe(model.emptyState)
  })

  it('reads the same however the bytes are cut', () => {
    const bytes = bytesOf(small)
    for (let size = 1; size < 40; size++) {
      const parser = new ArpaParser('cut.arpa', bytes.length)
      for (let at = 0; at < bytes.length; at += size) parser.push(bytes.subarray(at, at + size))
      expect(parser.finish().sentenceLogProb10('a b b')).toBe(parseArpa(bytes).sentenceLogProb10('a b b'))
    }
  })

  it.each([
    ['another file', 'hello\nworld\n', 'm.arpa:2: there is no line \\data\\.'],
    ['an empty file', '', 'm.arpa:1: there is no line \\data\\.'],
    ['no counts', '\\data\\\n\\1-grams:\n', 'm.arpa:2: "\\1-grams:" is not a count'],
    ['no 1-grams', '\\data\\\nngram 1=0\n\\end\\\n', 'm.arpa:3: there are no 1-grams'],
    ['counts out of order', small.replace('ngram 2', 'ngram 4'), 'm.arpa:3: the count of 4-grams'],
    ['too few n-grams', small.replace('ngram 2=3', 'ngram 2=4'), 'm.arpa:18: "\\3-grams:" comes 1 2-grams early'],
    [
      'too many n-grams',
      small.replace('ngram 2=3', 'ngram 2=2'),
      'm.arpa:16: "-0.875\tb b" stands where \\3-grams: belongs',
    ],
    [
      'an order left out',
      small.replace('\\3-grams:\n-0.1\t<s> a b\n', ''),
      'm.arpa:19: "\\end\\" stands where \\3-grams:',
    ],
    ['an n-gram twice', small.replace('b b', 'a b'), 'm.arpa:16: the 2-gram "a b" is there twice'],
    ['a word twice', small.replace('\tb\t', '\ta\t'), 'm.arpa:11: the 1-gram "a" is there twice'],
    ['a word from nowhere', small.replace('b b', 'b c'), 'm.arpa:16: the word "c" is not among the 1-grams'],
    ['no number', small.replace('-0.625', 'x'), 'm.arpa:15: "x" is not a log10 probability'],
    ['NaN', small.replace('-0.625', 'nan'), '"nan" is not a log10 probability'],
    ['infinity', small.replace('-0.0625', '-inf'), '"-inf" is not a back-off weight'],
    ['a weight beyond float32', small.replace('-0.0625', '1e39'), '"1e39" is not a back-off weight'],
    ['a probability above 1', small.replace('-0.625', '0.625'), 'the log10 probability 0.625 is above 0'],
    [
      'a word too many',
      small.replace('a b\t', 'a b a a\t'),
      'm.arpa:15: an entry of more than 4 fields is not a 2-gram',
    ],
    ['a word too few', small.replace('a b\t-0.0625', 'a'), 'm.arpa:15: an entry of 2 fields is not a 2-gram'],
    [
      'a weight at the highest order',
      small.replace('<s> a b', '<s> a b\t-1'),
      'the highest order has the back-off weight -1',
    ],
    ['a broken end', small.replace('\\end\\\n', ''), 'the file ends before \\end\\'],
    ['more after the end', `${small}more`, 'm.arpa:22: "more" comes after \\end\\'],
    ['no </s>', small.replace('</s>', 'x'), 'm.arpa: the model has no </s>'],
    [
      'too high an order',
      `\\data\\\n${Array.from({ length: 256 }, (_, i) => `ngram ${i + 1}=1\n`).join('')}`,
      'the order is above 255',
    ],
    ['a count beyond measure', small.replace('ngram 3=1', 'ngram 3=99999999999'), 'are more than this reader takes'],
  ])('refuses %s, naming the line', (_, text, message) => {
    expect(() => parseArpa(bytesOf(text), 'm.arpa')).toThrow(DataError)
    expect(() => parseArpa(bytesOf(text), 'm.arpa')).toThrow(message)
  })

  it('refuses words that are not UTF-8 and lines without end', () => {
    const bytes = bytesOf(small)
    bytes[small.indexOf('\tb\t') + 1] = 0xff
    expect(() => parseArpa(bytes, 'm.arpa')).toThrow('m.arpa:11: the word is not UTF-8')
    const parser = new ArpaParser('m.arpa', 2 ** 30)
    parser.push(bytesOf('\\data\\\n'))
    const chunk = new Uint8Array(2 ** 19).fill(97)
    parser.push(chunk)
    parser.push(chunk)
    expect(() => parser.push(chunk)).toThrow('m.arpa:2: the line is longer than a mebibyte')
  })

  it('reads gzip’d files, and names files that are missing or damaged', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'babble-arpa-'))
    const path = join(folder, 'lm.arpa.gz')
    const zipped = gzipSync(small)
    await writeFile(path, zipped)
    expect((await readArpa(path)).sentenceLogProb10('a b')).toBe(parseArpa(bytesOf(small)).sentenceLogProb10('a b'))
    await writeFile(path, zipped.subarray(0, zipped.length / 2))
    await expect(readArpa(path)).rejects.toThrow(`${path}: its gzip data are damaged`)
    await writeFile(path, gzipSync('hello'))
    await expect(readArpa(path)).rejects.toThrow(`${path}:1: there is no line \\data\\.`)
    await expect(readArpa(join(folder, 'none'))).rejects.toThrow(DataError)
    await expect(readArpa(folder)).rejects.toThrow(DataError)
    await rm(folder, { recursive: true })
  })
})

describe('fuzzed ARPA files', () => {
  /** Counts what is allocated in typed arrays. */
  const watchAllocations = () => {
    const seen = { largest: 0, total: 0 }
    const watched = <T extends typeof Int32Array | typeof Uint8Array | typeof Float32Array>(Original: T): T =>
      new Proxy(Original, {
        construct(target, args: [number]) {
          const array = Reflect.construct(target, args) as Int32Array
          seen.largest = Math.max(seen.largest, array.byteLength)
          seen.total += array.byteLength
          return array
        },
      })
    for (const [name, type] of Object.entries({ Int32Array, Float32Array })) {
      vi.stubGlobal(name, watched(type as typeof Int32Array))
    }
    return seen
  }

  const mutate = (bytes: Uint8Array, rng: HostRng): Uint8Array => {
    const out = [...bytes]
    const at = () => rng.int(Math.max(1, out.length))
    const tokens = [
      '\\',
      '\n',
      '\t',
      ' ',
      '-',
      '9',
      '99999999',
      'ngram 9=1\n',
      '\\end\\\n',
      '\\2-grams:\n',
      'nan',
      '1e999',
      '\0',
      '\r',
    ]
    for (let edits = 1 + rng.int(4); edits > 0; edits--) {
      const kind = rng.int(6)
      if (kind === 0) out[at()] = rng.int(256)
      else if (kind === 1) out.splice(at(), 1 + rng.int(8))
      else if (kind === 2) out.splice(at(), 0, ...bytesOf(tokens[rng.int(tokens.length)]!))
      else if (kind === 3) out.length = at()
      else if (kind === 4) {
        const from = at()
        out.splice(at(), 0, ...out.slice(from, from + rng.int(60)))
      } else {
        // A digit, most often of a count or a probability.
        const digits = out.flatMap((byte, i) => (byte >= 48 && byte <= 57 ? [i] : []))
        if (digits.length > 0) out[digits[rng.int(digits.length)]!] = 48 + rng.int(10)
      }
    }
    return Uint8Array.from(out)
  }

  it('are read or refused with file and line, in memory that their size bounds', () => {
    const seeds = [bytesOf(small), bytesOf(small.replace(/\\3-grams:\n.*\n/, '').replace('ngram 3=1\n', ''))]
    let refused = 0
    for (let i = 0; i < 10_000; i++) {
      const bytes = mutate(seeds[i % seeds.length]!, new HostRng(5, i))
      const seen = watchAllocations()
      try {
        const model = parseArpa(bytes, 'fuzz.arpa')
        expect(model).toBeInstanceOf(NgramModel)
        expect(Number.isNaN(model.sentenceLogProb10('a b zebra'))).toBe(false)
      } catch (error) {
        refused++
        expect(error).toBeInstanceOf(DataError)
        expect((error as DataError).file).toMatch(/^fuzz\.arpa(:\d+)?$/)
      } finally {
        vi.unstubAllGlobals()
      }
      expect(seen.largest).toBeLessThanOrEqual(Math.max(1024, 2 * bytes.length))
    }
    // Some mutations change a word or a number only.
    expect(refused).toBeGreaterThan(5000)
    expect(refused).toBeLessThan(9900)
  })
})
