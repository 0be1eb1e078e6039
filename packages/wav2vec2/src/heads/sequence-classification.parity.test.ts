// Scores, loss and gradients against Hugging Face's Wav2Vec2ForSequenceClassification: see the README in ../../fixtures/sequence-classification.
import { fileURLToPath } from 'node:url'
import { compareClassification, enginesUnderTest, ParityFixture, useEngine } from '@babble/core/testing'
import { describe, expect, it } from 'vitest'
import { Wav2Vec2ForSequenceClassification } from './sequence-classification'

const directory = fileURLToPath(new URL('../../fixtures/sequence-classification', import.meta.url))

describe.each(enginesUnderTest())('on %s', (engine) => {
  it("has the reference's classes, scores with and without padding, loss and gradient of every parameter", async () => {
    await useEngine(engine)
    const fixture = new ParityFixture(directory)
    const model = await Wav2Vec2ForSequenceClassification.fromPretrained(directory)
    expect(model.loadReport).toEqual({ missing: [], ignored: [] })
    expect(model.config.id2label.slice(0, 3)).toEqual(['yes', 'no', 'up'])
    const gradients = compareClassification(model, fixture)
    expect(gradients.sort()).toEqual(fixture.names('grad.').sort())
    if (process.env.BABBLE_REPORT_ERRORS) console.log(engine, fixture.worst)
    model.dispose()
  }, 120_000)
})
