import type { PickleValue } from './pickle-values'
import { TorchFileError } from './torch-file-error'

/** Rough costs of values in memory, in bytes. */
export const cost = { reference: 8, array: 48, map: 256, record: 640, memo: 48, text: 32 } as const

/**
 * What copies of the values would take. A call may copy all that it is given, and a pickle names a value that it has made before in two
 * bytes: unless copies are charged, they add up without end.
 */
export const copyCost = (values: readonly PickleValue[]): number =>
  values.reduce<number>((sum, value) => {
    if (typeof value === 'string') return sum + 2 * value.length
    if (value instanceof Uint8Array) return sum + value.length
    if (Array.isArray(value)) return sum + 4 * cost.reference * value.length
    return value instanceof Map || value instanceof Set ? sum + 4 * cost.reference * value.size : sum
  }, 0)

/**
 * Keeps account of what a pickle has made so far. A byte of pickle can make an object of some hundred bytes; the account keeps that
 * from adding up to more than the file could honestly need.
 */
export class MemoryBudget {
  private spent = 0

  constructor(
    private readonly limit: number,
    private readonly file: string,
  ) {}

  charge(bytes: number): void {
    this.spent += bytes
    if (this.spent > this.limit) {
      throw new TorchFileError(`The pickle describes more than ${this.limit} bytes of objects.`, 'too-much-memory', {
        file: this.file,
        cure: 'Load it with a larger memoryLimit if you trust it.',
      })
    }
  }
}
