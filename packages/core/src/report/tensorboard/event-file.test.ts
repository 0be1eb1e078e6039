import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { crc32c } from './crc32c'
import { EventFile, restartEvent, summaryEvent, tfRecord, versionEvent } from './event-file'
import { integer } from './protobuf'
import { audioValue, histogramValue, hyperParametersValue, scalarValue, textValue } from './summary'

const golden = fileURLToPath(new URL('../../../fixtures/tensorboard/events.bin', import.meta.url))

describe('crc32c', () => {
  it('gives the known answers of RFC 3720', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e)
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
  })
})

describe('event files', () => {
  it("equal TensorBoard's own, byte for byte, with each kind of value", () => {
    const time = 1_700_000_000.25
    const events = [
      versionEvent(time),
      restartEvent(time, 7),
      summaryEvent(time, 0, [scalarValue('first', 0)]),
      summaryEvent(time, 300, [scalarValue('train/loss', 0.1), scalarValue('train/größe', Number.POSITIVE_INFINITY)]),
      summaryEvent(time, 2 ** 40 + 5, [textValue('config', 'läuft')]),
      summaryEvent(time, 1, [
        audioValue('sample', {
          wav: Uint8Array.from({ length: 60 }, (_, i) => i),
          sampleRate: 16000,
          channels: 1,
          length: 8,
        }),
      ]),
      summaryEvent(time, 1, [histogramValue('weights', [-1, 0.5, Number.NaN, 0.5, 1, 3], 2)]),
      summaryEvent(time, 1, [hyperParametersValue({ useEma: true, name: 'tiny', batch: 16 }, time)]),
    ]
    const written = Buffer.concat(events.map(tfRecord))
    expect(written.toString('hex')).toBe(readFileSync(golden).toString('hex'))
  })

  it('begin with the version and, after a resume, with the step from which on earlier files are dropped', () => {
    const directory = mkdtempSync(join(tmpdir(), 'babble-events-'))
    try {
      const now = () => 1_700_000_000.25
      const file = new EventFile(directory, { purgeStep: 8, now })
      file.write(8, [scalarValue('a', 1)])
      file.write(9, [])
      file.flush()
      file.close()
      const second = new EventFile(directory, { now })
      second.close()
      const names = readdirSync(directory).sort()
      expect(names.map((name) => join(directory, name))).toEqual([file.path, second.path])
      // In the order of their writing, though both began within a second.
      expect(names[0]).toMatch(/^events\.out\.tfevents\.1700000000\./)
      expect(names[1]).toMatch(/^events\.out\.tfevents\.1700000001\./)
      const expected = [versionEvent(now()), restartEvent(now(), 8), summaryEvent(now(), 8, [scalarValue('a', 1)])]
      expect(readFileSync(file.path).equals(Buffer.concat(expected.map(tfRecord)))).toBe(true)
    } finally {
      rmSync(directory, { recursive: true })
    }
    expect(existsSync(directory)).toBe(false)
  })

  it('describe values that have no histogram', () => {
    for (const values of [[], [Number.NaN], [2, 2, 2]]) expect(() => histogramValue('x', values)).not.toThrow()
    expect(() => integer(1, -1)).toThrow(RangeError)
  })
})
