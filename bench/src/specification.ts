import { readFile } from 'node:fs/promises'

interface Training {
  readonly clipNorm: number
  readonly learningRate: number
  readonly betas: readonly [number, number]
  readonly eps: number
  readonly weightDecay: number
}

interface BatchShape {
  readonly size: number
  /** Of the longest utterance. */
  readonly seconds: number
  /** Hz */
  readonly sampleRate: number
}

interface Common {
  readonly name: string
  /** Keys of Hugging Face's `config.json`. */
  readonly model: Readonly<Record<string, unknown>>
}

export interface PretrainingSpecification extends Common {
  readonly task: 'pretraining'
  readonly batch: BatchShape
  readonly training: Training & { readonly gumbelTemperature: number }
}

/** HuBERT: the clusters of masked frames are predicted, those of the others are not. */
export interface MaskedPredictionSpecification extends Common {
  readonly task: 'masked-prediction'
  readonly batch: BatchShape
  readonly training: Training & {
    /** Factor on the gradient that reaches the feature encoder. */
    readonly featureGradMult: number
    /** Weight of the mean square of the feature encoder's output. */
    readonly featurePenaltyWeight: number
  }
}

export interface CtcSpecification extends Common {
  readonly task: 'ctc'
  readonly batch: BatchShape & {
    /** Of the shortest utterance; the others lie between in equal steps. */
    readonly shortestSeconds: number
    /** Labels of each utterance. */
    readonly labels: number
  }
  readonly training: Training & { readonly freezeFeatureEncoder: boolean }
}

/** A file of `bench/configs`: what all contestants build and train. */
export type Specification = PretrainingSpecification | MaskedPredictionSpecification | CtcSpecification

/** A file of `bench/configs` that cannot be used, with the field that is wrong. */
export class SpecificationError extends Error {}

type Fields = Readonly<Record<string, unknown>>

/** Reads fields of one object, and says where it stood when one is not as it should be. */
const reader = (source: unknown, file: string, path: string) => {
  const at = (field: string) => (path === '' ? field : `${path}.${field}`)
  const refuse = (field: string, wanted: string): never => {
    const value = (source as Fields | null)?.[field]
    const given = value === undefined ? 'is missing' : `is ${JSON.stringify(value)}`
    throw new SpecificationError(`${file}: "${at(field)}" ${given}; it must be ${wanted}.`)
  }
  if (typeof source !== 'object' || source === null || Array.isArray(source))
    throw new SpecificationError(`${file}: ${path === '' ? 'it' : `"${path}"`} must be an object.`)
  const fields = source as Fields
  const number = (field: string, valid: (value: number) => boolean, wanted: string): number => {
    const value = fields[field]
    return typeof value === 'number' && valid(value) ? value : refuse(field, wanted)
  }
  return {
    object: (field: string): Fields => {
      const value = fields[field]
      return typeof value === 'object' && value !== null && !Array.isArray(value)
        ? (value as Fields)
        : refuse(field, 'an object')
    },
    text: (field: string): string => {
      const value = fields[field]
      return typeof value === 'string' && value !== '' ? value : refuse(field, 'a text')
    },
    flag: (field: string): boolean => {
      const value = fields[field]
      return typeof value === 'boolean' ? value : refuse(field, 'true or false')
    },
    count: (field: string): number =>
      number(field, (value) => Number.isInteger(value) && value >= 1, 'a whole number of at least 1'),
    positive: (field: string): number => number(field, (value) => value > 0, 'a number above 0'),
    notNegative: (field: string): number => number(field, (value) => value >= 0, 'a number of at least 0'),
    betas: (field: string): readonly [number, number] => {
      const value = fields[field]
      const valid =
        Array.isArray(value) &&
        value.length === 2 &&
        value.every((beta) => typeof beta === 'number' && beta >= 0 && beta < 1)
      return valid ? (value as unknown as readonly [number, number]) : refuse(field, 'two numbers from 0 to below 1')
    },
    refuse,
  }
}

/**
 * Checks the contents of a file of `bench/configs`. The model's own fields are left to the libraries that build it.
 *
 * @param file Shown in messages
 * @throws SpecificationError naming the first field that is wrong
 */
export const parseSpecification = (text: string, file: string): Specification => {
  let source: unknown
  try {
    source = JSON.parse(text)
  } catch (error) {
    throw new SpecificationError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const top = reader(source, file, '')
  const batch = reader(top.object('batch'), file, 'batch')
  const training = reader(top.object('training'), file, 'training')
  const common = { name: top.text('name'), model: top.object('model') }
  const shape: BatchShape = {
    size: batch.count('size'),
    seconds: batch.positive('seconds'),
    sampleRate: batch.count('sampleRate'),
  }
  const optimizer: Training = {
    clipNorm: training.positive('clipNorm'),
    learningRate: training.positive('learningRate'),
    betas: training.betas('betas'),
    eps: training.positive('eps'),
    weightDecay: training.notNegative('weightDecay'),
  }
  const task = top.text('task')
  if (task === 'pretraining')
    return {
      ...common,
      task,
      batch: shape,
      training: { ...optimizer, gumbelTemperature: training.positive('gumbelTemperature') },
    }
  if (task === 'masked-prediction')
    return {
      ...common,
      task,
      batch: shape,
      training: {
        ...optimizer,
        featureGradMult: training.positive('featureGradMult'),
        featurePenaltyWeight: training.notNegative('featurePenaltyWeight'),
      },
    }
  if (task !== 'ctc') return top.refuse('task', '"pretraining", "masked-prediction" or "ctc"')
  const shortestSeconds = batch.positive('shortestSeconds')
  if (shortestSeconds > shape.seconds) batch.refuse('shortestSeconds', `at most "seconds" (${shape.seconds})`)
  return {
    ...common,
    task,
    batch: { ...shape, shortestSeconds, labels: batch.count('labels') },
    training: { ...optimizer, freezeFeatureEncoder: training.flag('freezeFeatureEncoder') },
  }
}

export const readSpecification = async (path: string): Promise<Specification> =>
  parseSpecification(await readFile(path, 'utf8'), path)

/** Samples of each utterance of a batch, from the longest down to the shortest in equal steps. */
export const utteranceLengths = ({ batch, task }: Specification): number[] => {
  const longest = batch.seconds * batch.sampleRate
  const shortest = task === 'ctc' ? batch.shortestSeconds * batch.sampleRate : longest
  const steps = Math.max(1, batch.size - 1)
  return Array.from({ length: batch.size }, (_, item) => Math.round(longest + ((shortest - longest) * item) / steps))
}

/** The same model and training without any dropout or LayerDrop. */
export const withoutDropout = <S extends Specification>(specification: S): S => ({
  ...specification,
  model: Object.fromEntries(
    Object.entries(specification.model).map(([key, value]) => [key, /drop/.test(key) ? 0 : value]),
  ),
})
