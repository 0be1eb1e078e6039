import { describe, expect, it } from 'vitest'
import { formatDuration, formatProgress, type TrainingProgress, terminalProgress } from './progress'

const progress = (step: number, more: Partial<TrainingProgress> = {}): TrainingProgress => ({
  step,
  maxSteps: 100,
  epoch: 0,
  metrics: { loss: 1.23456, learningRate: 0.0005 },
  stepsPerSecond: 2,
  etaSeconds: (100 - step) / 2,
  dataWaitShare: 0.01,
  ...more,
})

describe('progress', () => {
  it('says step, loss, learning rate, speed and time left on one line', () => {
    expect(formatProgress(progress(10))).toBe(
      'step 10/100 | loss 1.235 | lr 5.00e-4 | 2 steps/s | ETA 0:45 | data wait 1.0 %',
    )
    const withAudio = progress(10, { audioSecondsPerSecond: 12.3456, dataWaitShare: 0.5, etaSeconds: 3675 })
    expect(formatProgress(withAudio)).toBe(
      'step 10/100 | loss 1.235 | lr 5.00e-4 | 12.35 s audio/s | ETA 1:01:15 | data wait 50.0 %',
    )
    expect(formatDuration(Number.POSITIVE_INFINITY)).toBe('-:--')
  })

  it('writes plain lines, no more often than asked, where the stream is no terminal', () => {
    const written: string[] = []
    let now = 0
    const listener = terminalProgress({
      stream: { write: (text) => written.push(text) },
      plainSeconds: 10,
      now: () => now,
    })
    for (let step = 1; step <= 25; step++) {
      now = step * 1000
      listener(progress(step))
    }
    listener.note?.('saved')
    listener.finish?.()
    expect(written.map((line) => /^step (\d+)|saved/.exec(line)?.[0])).toEqual([
      'step 1',
      'step 11',
      'step 21',
      'saved',
      'step 25',
    ])
    expect(written.every((line) => line.endsWith('\n') && !line.includes('\u001b'))).toBe(true)
  })

  it('redraws one line no wider than the terminal, and keeps notes', () => {
    let text = ''
    const stream = { write: (part: string) => (text += part), isTTY: true, columns: 60 }
    const listener = terminalProgress({ stream, redrawSeconds: 0 })
    listener(progress(50))
    listener.note?.('a note')
    listener.finish?.()
    const drawn = text.split('\r\u001b[2K').slice(1)
    expect(drawn[1]).toBe('a note\n')
    expect(drawn[0]!.length).toBeLessThanOrEqual(59)
    expect(drawn[2]).toContain('step 50/100')
    expect(text.endsWith('\n')).toBe(true)
  })
})
