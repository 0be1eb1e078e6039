import { withDeltas } from './deltas'
import type { FrontEnd } from './feature-frames'
import { kaldiFbank, kaldiMfcc } from './kaldi'
import { logMel } from './log-mel'
import { psfLogFbank } from './psf'
import { withStacking } from './stack'

/**
 * 39 numbers every 10 ms: 13 Kaldi MFCC of the float waveform with deltas and their deltas. The first clustering of HuBERT
 * (Hsu et al. 2021, section IV-B) and AV-HuBERT.
 */
export function hubertMfcc(): FrontEnd {
  return { ...withDeltas(kaldiMfcc({ fullScale: 1 })), name: 'hubert-mfcc39' }
}

/**
 * AV-HuBERT's audio input (Shi et al. 2022, section 4): 26 log filterbank energies every 10 ms, 4 frames stacked, 25 a second as its video.
 *
 * @param layerNorm Normalise each frame of 104 numbers, as the published models do. Default true.
 */
export function avHubertAudio(layerNorm = true): FrontEnd {
  return { ...withStacking(psfLogFbank(), 4, layerNorm), name: `av-hubert-fbank104${layerNorm ? '' : '-raw'}` }
}

/**
 * SpeechT5's spectrogram (Ao et al. 2022): 80 log10 mel magnitudes from 80 to 7600 Hz, windows of 64 ms every 16 ms. Hugging Face's
 * feature extractor and the original agree on it to rounding.
 */
export function speechT5LogMel(): FrontEnd {
  return {
    ...logMel({ fftSize: 1024, hopSamples: 256, melBins: 80, lowHz: 80, highHz: 7600 }),
    name: 'speecht5-logmel80',
  }
}

/** BEATs' input (Chen et al. 2023): 128 Kaldi filterbanks, less the mean 15.41663, over twice the standard deviation 6.55582. */
export function beatsFbank(): FrontEnd {
  const base = kaldiFbank({ melBins: 128 })
  return {
    ...base,
    name: 'beats-fbank128',
    extract(samples, context) {
      const features = base.extract(samples, context)
      const { data } = features
      for (let i = 0; i < data.length; i++) data[i] = (data[i]! - 15.41663) / (2 * 6.55582)
      return features
    },
  }
}
