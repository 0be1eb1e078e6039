import { describe, expect, it } from 'vitest'
import { opRows, shortNumber } from './op-rows'
import { parseRecord, RecordError } from './read-records'
import type { OpsRecord, OpTimes, StepRecord, StepTiming } from './records'
import { resultsPage } from './results-page'
import { stepRows } from './step-rows'
import { markdownTable, textTable } from './text-table'

const head = {
  command: 'npm run bench:ops -- --rounds 1',
  machine: { cpu: 'Toy CPU', cores: 2, memoryBytes: 8 * 2 ** 30, system: 'Linux 6', node: 'v24.0.0' },
  device: 'cpu',
  precision: 'float32',
  threads: 2,
  absent: { 'tfjs-node': 'tfjs-node: it is not installed.' },
} as const
const times = (medianSeconds: number, more: Partial<OpTimes> = {}): OpTimes => ({
  prepareSeconds: 1,
  medianSeconds,
  rounds: [[medianSeconds]],
  ...more,
})
const ratio = (median: number) => ({ median, lowest: median, highest: median })
const ops: OpsRecord = {
  ...head,
  kind: 'ops',
  date: '2026-01-02T10:00:00.000Z',
  contestants: { ours: 'Babble, XLA', pytorch: 'PyTorch 2', wasm: 'Babble, wasm' },
  results: [
    {
      id: 'scale 24 MB',
      bytes: 2e9,
      times: { ours: times(0.2), pytorch: times(0.1, { ratio: ratio(0.5) }) },
      missing: {},
    },
    {
      id: 'matmul x W 2048x2048x2048',
      flops: 1e11,
      bytes: 1,
      times: { ours: times(0.5), pytorch: times(1, { ratio: ratio(2), agrees: true }) },
      missing: { wasm: 'TF.js wasm: not done within 60 s' },
    },
    {
      id: 'softmax',
      bytes: 1e9,
      times: { ours: times(0.1), pytorch: times(0.05, { ratio: ratio(0.5), agrees: false }) },
      missing: {},
    },
  ],
}
const step = (seconds: number, peakRssBytes: number, hostSeconds?: number): StepTiming => ({
  seconds,
  loss: 1,
  peakRssBytes,
  ...(hostSeconds !== undefined && { hostSeconds }),
})
const steps: StepRecord = {
  ...head,
  kind: 'step',
  date: '2026-01-01T10:00:00.000Z',
  command: 'npm run bench -- --rounds 1',
  specification: {
    name: 'toy',
    task: 'pretraining',
    model: {},
    batch: { size: 2, seconds: 5, sampleRate: 16000 },
    training: { clipNorm: 1, learningRate: 1, betas: [0, 0], eps: 1, weightDecay: 0, gumbelTemperature: 2 },
  },
  contestants: {
    pytorch: {
      name: 'PyTorch 2',
      parameters: 1e6,
      medianSeconds: 3,
      peakRssBytes: 3 * 2 ** 30,
      rounds: [[step(3, 3 * 2 ** 30)]],
      ratio: { median: 1.5, lowest: 1.4, highest: 1.6 },
      memoryRatio: 0.75,
    },
    ours: {
      name: 'Babble, XLA',
      parameters: 1e6,
      preparation: { traceSeconds: 1, compileSeconds: 20.04, firstStepSeconds: 23 },
      cachedPreparation: { traceSeconds: 1, compileSeconds: 2, firstStepSeconds: 5 },
      medianSeconds: 2,
      peakRssBytes: 4 * 2 ** 30,
      rounds: [[step(2, 4 * 2 ** 30, 0.001), step(2, 4 * 2 ** 30, 0.003)]],
    },
  },
}

describe('shortNumber', () => {
  it('has three significant digits where it is small, and none after the point where it is large', () => {
    expect([0.01234, 1.234, 12.34, 123.4, 1234, 0].map(shortNumber)).toEqual([
      '0.0123',
      '1.23',
      '12.3',
      '123',
      '1234',
      '0',
    ])
  })
})

describe('tables', () => {
  it('give each op its times, ratios, rates and shares of the peak of the same run', () => {
    const [headLine, stream, product, softmax] = opRows(ops)
    expect(headLine).toEqual(['op', 'Babble, ms', 'PyTorch, ms', 'TF.js wasm, ms', 'rate of Babble', 'rate of PyTorch'])
    expect(stream).toEqual(['scale 24 MB', '200', '100 (0.50)', '', '10.0 GB/s (50 %)', '20.0 GB/s (100 %)'])
    expect(product!.slice(1)).toEqual(['500', '1000 (2.00)', '–', '200 GFLOP/s (100 %)', '100 GFLOP/s (50 %)'])
    // Another result than Babble's is shown.
    expect(softmax![2]).toBe('50.0 (0.50) ≠')
  })

  it('give each contestant its step, memory, host time and preparation, Babble first', () => {
    const [, ours, pytorch] = stepRows(steps)
    expect(ours).toEqual(['Babble', '2.000', '', '', '4.00', '', '2.0', '1.0', '20.0', '23.0', '5.0'])
    expect(pytorch!.slice(0, 7)).toEqual(['PyTorch', '3.000', '1.50', '1.40–1.60', '3.00', '0.75', ''])
  })

  it('are aligned for terminals and escaped in Markdown', () => {
    expect(
      textTable([
        ['op', 'ms'],
        ['long name', '1'],
      ]),
    ).toBe('op         ms\nlong name   1')
    expect(
      markdownTable([
        ['a', 'b'],
        ['x|y', '1'],
      ]),
    ).toBe('| a | b |\n| --- | ---: |\n| x\\|y | 1 |')
  })
})

describe('resultsPage', () => {
  it('has each run with its day, machine, versions, command and absentees, and a command for each op', () => {
    const page = resultsPage([steps, ops])
    expect(page).toContain('### 2026-01-01: toy, pretraining, 2 x 5 s, cpu, float32')
    expect(page).toContain('- `npm run bench -- --rounds 1`')
    expect(page).toContain('Toy CPU, 2 cores, 8 GiB, Linux 6, Node v24.0.0; cpu, float32, 2 threads each')
    expect(page).toContain('- PyTorch: PyTorch 2')
    expect(page).toContain('- left out: tfjs-node: it is not installed.')
    expect(page).toContain('`npm run bench:ops -- --filter "softmax" --threads 2 --no-save`')
    expect(page).toContain('largest square matrix product 200 GFLOP/s, large array times 2 20.0 GB/s')
  })

  it('says whether contestants computed the same, where they were compared', () => {
    expect(resultsPage([steps])).not.toContain('loss:')
    const ours = [{ loss: 6.5, gradNorm: 2 }]
    const same = resultsPage([{ ...steps, checks: { ours, pytorch: [{ loss: 6.50001, gradNorm: 2 }] } }])
    expect(same).toContain(
      "- the same loss: Babble's first steps without dropout have 6.500000; from the same parameters PyTorch's differ by at most 2e-6 (gradient norm 0e+0)",
    )
    const other = resultsPage([{ ...steps, checks: { ours, pytorch: [{ loss: 6.5, gradNorm: 3 }] } }])
    expect(other).toContain('- ANOTHER LOSS: ')
  })

  it('puts the latest run first and says when there is none', () => {
    const later: StepRecord = { ...steps, date: '2026-02-01T10:00:00.000Z' }
    const page = resultsPage([steps, later])
    expect(page.indexOf('2026-02-01')).toBeLessThan(page.indexOf('2026-01-01'))
    expect(page).toMatch(/## Ops\n\n.*\n\nNo run is on file\./)
  })
})

describe('parseRecord', () => {
  it('takes what the benchmarks write', () => {
    expect(parseRecord(JSON.stringify(ops), 'ops.json')).toEqual(ops)
  })

  it('refuses anything else, by the name of the file', () => {
    for (const text of ['{', 'null', '{}', JSON.stringify({ ...ops, kind: 'other' })]) {
      expect(() => parseRecord(text, 'odd.json')).toThrow(RecordError)
      expect(() => parseRecord(text, 'odd.json')).toThrow(/^odd\.json: /)
    }
  })
})
