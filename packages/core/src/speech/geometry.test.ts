import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { useEngine } from '../testing/index'
import { chunkFrameLengths, frameLengths } from './feature-projection'
import { frameCount, ownFrameCount } from './geometry'
import { speechEncoderDefaults as config } from './speech-encoder-config'

describe('the frames of a padded utterance', () => {
  beforeAll(() => useEngine('cpu'))

  it.each([400, 16_000, 16_079, 60_001, 160_000])(
    'are counted on the host as in the model, in a batch of %i samples',
    (padded) => {
      const lengths = [1, 400, 719, 720, 13_040, 13_041, 14_800, 59_999, padded].filter((length) => length <= padded)
      const frames = frameCount(config, padded)
      const on = tf.tensor1d(lengths, 'int32')
      const host = (framePadding: 'chunks' | 'convolution') =>
        lengths.map((length) => ownFrameCount({ ...config, framePadding }, length, padded))
      expect(host('chunks')).toEqual([...chunkFrameLengths(on, padded, frames).dataSync()])
      expect(host('convolution')).toEqual([...frameLengths(config, on).dataSync()])
    },
  )
})
