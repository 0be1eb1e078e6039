import { describe, expect, it } from 'vitest'
import type { RunRecord } from '../train/run-log'
import { trainingReport } from './training-report'

const records: RunRecord[] = [
  ...Array.from({ length: 100 }, (_, index) => ({
    kind: 'train' as const,
    step: 10 * (index + 1),
    epoch: 0,
    seconds: index * 40,
    metrics: {
      loss: 3 / (index + 1),
      contrastiveAccuracy: index / 100,
      learningRate: 1e-3,
      gradNorm: index === 50 ? Number.NaN : 1 + index,
      stepsPerSecond: 4,
      audioSecondsPerSecond: 31,
      dataWait: 0.015,
      skipped: index === 50 ? 1 : 0,
    },
  })),
  { kind: 'evaluation', step: 1000, epoch: 0, seconds: 3960, metrics: { loss: 0.5, wordErrorRate: 0.25 } },
  { kind: 'warning', monitor: 'non-finite', step: 505, message: 'skipped <b>' },
]
const charts = (page: string) => [...page.matchAll(/<figcaption>([^<]*)<\/figcaption><svg/g)].map(([, title]) => title)

describe('trainingReport', () => {
  it('has a chart for each metric, with training and evaluation in one, and for optimisation and speed', () => {
    const page = trainingReport({ title: 'A run', records, status: 'completed' })
    expect(charts(page)).toEqual([
      'Loss',
      'Contrastive accuracy',
      'Word error rate',
      'Learning rate',
      'Gradient norm',
      'Throughput',
      'Time spent waiting for data',
      'Skipped updates',
    ])
    expect(page).toContain('training <b>')
    expect(page).toContain('evaluation <b>0.5</b>')
    expect(page).toContain('% of the time <b>1.5</b>')
    expect(page).toContain('<b>1:06:00</b>')
    expect(page).toContain('updates, completed')
    expect(page).not.toMatch(/NaN|undefined|\[object/)
  })

  it('shows recordings, warnings, the best, settings and the machine, and escapes them', () => {
    const page = trainingReport({
      title: '<script>',
      records,
      best: { metric: 'wordErrorRate', step: 1000, value: 0.25 },
      samples: [
        { waveform: Float32Array.from({ length: 800 }, (_, i) => Math.sin(i)), sampleRate: 8000, reference: '<one>' },
      ],
      config: { model: { layers: [1, 2], deep: { name: '<tiny>' } }, unset: undefined },
      environment: { engine: 'xla' },
    })
    expect(page).not.toMatch(/<script>|<one>|<tiny>|skipped <b>/)
    for (const text of ['best wordErrorRate, at update 1000', '&lt;one&gt;', 'skipped &lt;b&gt;', 'audio/wav;base64']) {
      expect(page).toContain(text)
    }
    expect(page).toMatch(/model\.layers<\/th><td>1, 2<\/td>/)
    expect(page).toMatch(/model\.deep\.name<\/th><td>&lt;tiny&gt;/)
    expect(page).not.toContain('unset')
  })

  it('can be made before anything is logged', () => {
    expect(trainingReport({ title: 'New', records: [] })).toContain('Nothing has been logged yet.')
  })
})
