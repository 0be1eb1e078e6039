import { convOutputLength, convReceptiveField } from '../nn/index'
import type { SpeechEncoderConfig } from './speech-encoder-config'

type Convolutions = Pick<SpeechEncoderConfig, 'convKernel' | 'convStride'>

/** Frames that the feature encoder makes of `samples` samples; 0 for less than its receptive field. */
export const frameCount = ({ convKernel, convStride }: Convolutions, samples: number): number =>
  convOutputLength(samples, convKernel, convStride)

/** Samples that one frame is made of: 400, or 25 ms, in the paper. */
export const receptiveField = ({ convKernel, convStride }: Convolutions): number =>
  convReceptiveField(convKernel, convStride)

/** Samples from one frame's start to the next one's: 320, or 20 ms, in the paper. */
export const samplesPerFrame = ({ convStride }: Convolutions): number =>
  convStride.reduce((product, stride) => product * stride, 1)

/** Frames of an utterance of `samples` samples in a batch that is padded to `paddedSamples`: see `framePadding`. */
export const ownFrameCount = (
  config: Convolutions & Pick<SpeechEncoderConfig, 'framePadding'>,
  samples: number,
  paddedSamples: number,
): number => {
  if (config.framePadding !== 'chunks') return frameCount(config, samples)
  const frames = frameCount(config, paddedSamples)
  return Math.min(frames, Math.ceil(samples / Math.floor(paddedSamples / frames)))
}
