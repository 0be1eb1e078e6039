import { truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DataError } from '../errors'
import { HostRng } from '../random/index'
import { FrameLabelScanner, parseFrameLabels } from './frame-label-scanner'
import { type FrameLabels, labelsInMemory, openFrameLabels } from './frame-labels'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babble-km-'))
})
afterAll(() => rm(folder, { recursive: true }))
const write = async (name: string, content: string | Buffer) => {
  await writeFile(join(folder, name), content)
  return join(folder, name)
}
const rowsOf = async (labels: FrameLabels) => {
  const rows: number[][] = []
  for (let utterance = 0; utterance < labels.utterances; utterance++) rows.push([...(await labels.read(utterance))])
  return rows
}

describe('openFrameLabels', () => {
  it('reads a line for each utterance, empty ones too, whatever ends the last', async () => {
    const expected = [[3, 3, 17], [], [0, 2147483647, 1], [499]]
    for (const content of [
      '3 3 17\n\n0 2147483647 1\n499\n',
      '3 3 17\n\n0 2147483647 1\n499',
      '3 3 17\r\n\r\n0 2147483647 1\r\n499\r\n',
      ' 3\t3  017 \n \n0 2147483647 1\n499\r',
    ]) {
      await using labels = await openFrameLabels(await write('good.km', content))
      expect(await rowsOf(labels)).toEqual(expected)
      expect([labels.utterances, labels.count(2), labels.largest]).toEqual([4, 3, 2147483647])
    }
    await using nothing = await openFrameLabels(await write('empty.km', ''))
    expect([nothing.utterances, nothing.largest]).toEqual([0, -1])
  })

  it('reads parts of lines', async () => {
    await using labels = await openFrameLabels(await write('parts.km', '1 2 3\n10 20 30 40 50\n'))
    expect([...(await labels.read(1, 1, 3))]).toEqual([20, 30, 40])
    expect([...(await labels.read(1, 3))]).toEqual([40, 50])
    expect([...(await labels.read(1, 5, 0))]).toEqual([])
    await expect(labels.read(1, 3, 3)).rejects.toThrow(
      'parts.km:2 has 5 labels, not 3 from number 3 on (counted from 0).',
    )
    await expect(labels.read(2)).rejects.toThrow('parts.km has no utterance 2: it has 2.')
    expect(() => labels.count(-1)).toThrow(RangeError)
  })

  it.each([
    ['1 2\n3 x 4\n', 'bad.km:2: labels are whole numbers from 0 on with spaces between; column 3 is "x".'],
    ['1 -2\n', 'bad.km:1: labels are whole numbers from 0 on with spaces between; column 3 is "-".'],
    ['\n1.5\n', 'bad.km:2: labels are whole numbers from 0 on with spaces between; column 2 is ".".'],
    ['1,2\n', 'column 2 is ",".'],
    ['1 2\r3\n', 'column 5 is "3".'],
    ['1\r\r\n', 'column 3 is byte 0x0d.'],
    ['1 2\n\u00e9\n', 'bad.km:2: labels are whole numbers from 0 on with spaces between; column 1 is byte 0xc3.'],
    ['1\n5 2147483648\n', 'bad.km:2: label 2 is over 2147483647, the largest int32.'],
    [`${'9'.repeat(400)}\n`, 'bad.km:1: label 1 is over 2147483647'],
    [`1\n${' '.repeat(2 ** 24)}1\n`, 'bad.km:2: the line is longer than 16777216 bytes.'],
    [' '.repeat(2 ** 24 + 1), 'bad.km:1: the line is longer than 16777216 bytes.'],
  ])('refuses a bad line by its number: %#', async (content, message) => {
    const opened = openFrameLabels(await write('bad.km', content))
    await expect(opened).rejects.toThrow(message)
    await expect(opened).rejects.toThrow(DataError)
  })

  it('says what cannot be opened', async () => {
    await expect(openFrameLabels(join(folder, 'none.km'))).rejects.toThrow('none.km: there is no such file.')
    await expect(openFrameLabels(folder)).rejects.toThrow('this is no file')
  })

  it('notices that the file was cut short or written over after it was opened', async () => {
    const path = await write('changing.km', '1 2 3\n40 50 60\n7 8 9\n')
    await using labels = await openFrameLabels(path)
    writeFileSync(path, '1 2 3\n40 5 600\n7 8 9\n')
    await expect(labels.read(1)).rejects.toThrow('changing.km:2: the line has changed since the file was opened.')
    writeFileSync(path, '1 2 3\n40 506 60\n 8 9\n')
    await expect(labels.read(1)).rejects.toThrow('changing.km:2: the line has changed')
    await expect(labels.read(2)).rejects.toThrow('changing.km:3: the line has changed')
    expect([...(await labels.read(0))]).toEqual([1, 2, 3])
    truncateSync(path, 10)
    await expect(labels.read(1)).rejects.toThrow('changing.km:2: the file has become shorter since it was opened.')
    await expect(labels.read(1)).rejects.toThrow(DataError)
    await labels.close()
    await expect(labels.read(0)).rejects.toThrow('changing.km: the labels have been closed.')
  })

  it('gives the same labels in whatever pieces the file is read, and stops when told to', async () => {
    const rng = new HostRng(1, 'pieces')
    const rows = Array.from({ length: 3000 }, () => Array.from({ length: rng.int(200) }, () => rng.int(500)))
    // More than one piece of the file, and lines across their bounds.
    const content = rows.map((row) => `${row.join(' ')}\n`).join('')
    expect(content.length).toBeGreaterThan(2 ** 20)
    const path = await write('large.km', content)
    const seen: number[] = []
    await using labels = await openFrameLabels(path, { onProgress: (done, total) => seen.push(done / total) })
    expect(await rowsOf(labels)).toEqual(rows)
    expect(seen).toEqual([2 ** 20 / content.length, 1])
    await expect(openFrameLabels(path, { signal: AbortSignal.abort() })).rejects.toThrow('aborted')
  })

  it('takes 10,000 mutations with typed errors or with labels that can be read', async () => {
    const rng = new HostRng(3, 'mutations')
    const good = Buffer.from('12 7 7 400\r\n0 1\n\n65536 3\n 9 \n88')
    let taken = 0
    for (let round = 0; round < 10_000; round++) {
      let bytes = Buffer.from(good)
      for (let change = rng.int(4); change >= 0; change--)
        bytes[rng.int(bytes.length)] = rng.int(2) ? rng.int(256) : 0x20 + rng.int(26)
      if (rng.int(4) === 0) bytes = bytes.subarray(0, rng.int(bytes.length))
      const scanner = new FrameLabelScanner('mutated.km')
      try {
        const cut = rng.int(bytes.length + 1)
        scanner.push(bytes.subarray(0, cut))
        scanner.push(bytes.subarray(cut))
        const { starts, counts, largest } = scanner.finish()
        let most = -1
        for (const [line, count] of counts.entries()) {
          const text = bytes.subarray(starts[line], starts[line + 1])
          const labels = parseFrameLabels(text, { count, largest, start: 0, length: count })
          expect([...labels!]).toEqual(text.toString().split(/\s+/).filter(Boolean).map(Number))
          most = Math.max(most, ...labels!)
        }
        expect(most).toBe(largest)
        expect(starts.at(-1)).toBe(bytes.length)
        taken++
      } catch (error) {
        expect(error).toBeInstanceOf(DataError)
        const [name, line] = (error as DataError).file!.split(':')
        expect(name).toBe('mutated.km')
        expect(Number(line)).toBeGreaterThan(0)
        expect(Number(line)).toBeLessThanOrEqual(bytes.toString('latin1').split('\n').length)
      }
    }
    expect(taken).toBeGreaterThan(500)
  })
})

describe('labelsInMemory', () => {
  it('are copies of rows of whole numbers', async () => {
    const row = [1, 2, 3]
    const labels = labelsInMemory([row, [], Int32Array.of(7)])
    row[0] = 9
    expect(await rowsOf(labels)).toEqual([[1, 2, 3], [], [7]])
    expect([labels.utterances, labels.count(0), labels.largest]).toEqual([3, 3, 7])
    ;(await labels.read(0))[0] = 50
    expect([...(await labels.read(0, 0, 2))]).toEqual([1, 2])
    await expect(labels.read(0, 2, 2)).rejects.toThrow(RangeError)
    await expect(labels.read(3)).rejects.toThrow(RangeError)
  })

  it.each([1.5, -1, Number.NaN, 2 ** 31])('refuse %d', (label) => {
    expect(() => labelsInMemory([[1], [2, label]])).toThrow(`labels:2: label 2 is ${label}`)
  })
})
