import { z } from 'zod'
import { ConfigError } from '../errors'
import { withDeltas } from './deltas'
import type { FrontEnd } from './feature-frames'
import { kaldiFbank, kaldiMfcc } from './kaldi'
import { logMel } from './log-mel'
import { avHubertAudio, beatsFbank, hubertMfcc, speechT5LogMel } from './presets'
import { psfLogFbank, psfMfcc } from './psf'
import { withStacking } from './stack'
import { windowTypes } from './window'

const frames = {
  sampleRate: z.number().optional(),
  frameLengthMs: z.number().optional(),
  frameShiftMs: z.number().optional(),
  preemphasis: z.number().optional(),
  window: z.enum(windowTypes).optional(),
  fullScale: z.literal([1, 32768]).optional(),
  melBins: z.number().optional(),
  lowHz: z.number().optional(),
  highHz: z.number().optional(),
}
const kaldi = {
  ...frames,
  blackmanCoefficient: z.number().optional(),
  removeDcOffset: z.boolean().optional(),
  snipEdges: z.boolean().optional(),
  dither: z.number().optional(),
  roundToPowerOfTwo: z.boolean().optional(),
  rawEnergy: z.boolean().optional(),
  energyFloor: z.number().optional(),
  useEnergy: z.boolean().optional(),
  htkCompat: z.boolean().optional(),
  subtractMean: z.boolean().optional(),
}
const cepstral = { coefficients: z.number().optional(), cepstralLifter: z.number().optional() }
/** What can follow any kind: deltas first, then stacking, then normalisation. */
const after = {
  /** Add deltas and their deltas. Default false. */
  deltas: z.boolean().optional(),
  /** Join so many frames into one. Default 1. */
  stack: z.number().optional(),
  /** Bring each frame to zero mean and unit variance. Default false. */
  layerNorm: z.boolean().optional(),
}

/**
 * Settings of a front end as they stand in a recipe: the kind as `type`, and the options of the function of that name. A setting that the
 * kind does not have is refused.
 */
export const frontEndSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('fbank'),
    ...kaldi,
    ...after,
    usePower: z.boolean().optional(),
    useLog: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal('mfcc'), ...kaldi, ...cepstral, ...after }),
  z.strictObject({ type: z.literal('psf-logfbank'), ...frames, ...after, fftSize: z.number().optional() }),
  z.strictObject({
    type: z.literal('psf-mfcc'),
    ...frames,
    ...cepstral,
    ...after,
    fftSize: z.number().optional(),
    appendEnergy: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal('log-mel'),
    ...after,
    sampleRate: z.number().optional(),
    fftSize: z.number().optional(),
    windowSamples: z.number().optional(),
    hopSamples: z.number().optional(),
    window: z.enum(windowTypes).optional(),
    center: z.boolean().optional(),
    padMode: z.enum(['reflect', 'constant']).optional(),
    power: z.literal([1, 2]).optional(),
    melBins: z.number().optional(),
    lowHz: z.number().optional(),
    highHz: z.number().optional(),
    melScale: z.enum(['htk', 'slaney']).optional(),
    melNorm: z.enum(['slaney', 'none']).optional(),
    log: z.enum(['log10', 'ln']).optional(),
    floor: z.number().optional(),
    fullScale: z.literal([1, 32768]).optional(),
  }),
  z.strictObject({ type: z.literal('hubert-mfcc') }),
  z.strictObject({ type: z.literal('av-hubert'), layerNorm: z.boolean().optional() }),
  z.strictObject({ type: z.literal('speecht5') }),
  z.strictObject({ type: z.literal('beats') }),
])

/** See {@link frontEndSchema}. */
export type FrontEndConfig = z.input<typeof frontEndSchema>

/**
 * Makes the front end that a configuration names, for example `{ type: 'mfcc', fullScale: 1, deltas: true }` (which is `hubert-mfcc`).
 *
 * @throws ConfigError naming the setting that is unknown, of the wrong type or out of range.
 */
export function makeFrontEnd(config: FrontEndConfig): FrontEnd {
  const parsed = frontEndSchema.safeParse(config)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    const field = [...issue.path, ...(issue.code === 'unrecognized_keys' ? issue.keys : [])].join('.') || 'type'
    throw new ConfigError(`the front end's ${field}: ${issue.message}.`, { field, cure: 'See docs/front-ends.md.' })
  }
  const { data } = parsed
  switch (data.type) {
    case 'hubert-mfcc':
      return hubertMfcc()
    case 'av-hubert':
      return avHubertAudio(data.layerNorm)
    case 'speecht5':
      return speechT5LogMel()
    case 'beats':
      return beatsFbank()
  }
  const base = makeBase(data)
  const { deltas = false, stack = 1, layerNorm = false } = data
  const derived = deltas ? withDeltas(base) : base
  return stack === 1 && !layerNorm ? derived : withStacking(derived, stack, layerNorm)
}

function makeBase(
  data: Extract<z.output<typeof frontEndSchema>, { type: 'fbank' | 'mfcc' | 'psf-logfbank' | 'psf-mfcc' | 'log-mel' }>,
): FrontEnd {
  switch (data.type) {
    case 'fbank':
      return kaldiFbank(data)
    case 'mfcc':
      return kaldiMfcc(data)
    case 'psf-logfbank':
      return psfLogFbank(data)
    case 'psf-mfcc':
      return psfMfcc(data)
    case 'log-mel':
      return logMel(data)
  }
}
