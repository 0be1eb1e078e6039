import { readFile } from 'node:fs/promises'

/** A file of `bench/configs`: what both sides build and train. */
export interface Specification {
  readonly name: string
  /** Keys of Hugging Face's `config.json`. */
  readonly model: Readonly<Record<string, unknown>>
  readonly batch: { readonly size: number; readonly seconds: number; readonly sampleRate: number }
  readonly training: {
    readonly gumbelTemperature: number
    readonly clipNorm: number
    readonly learningRate: number
    readonly betas: readonly [number, number]
    readonly eps: number
    readonly weightDecay: number
  }
}

export const readSpecification = async (path: string): Promise<Specification> =>
  JSON.parse(await readFile(path, 'utf8')) as Specification
