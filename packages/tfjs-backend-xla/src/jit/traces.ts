import { TooManyTracesError } from './errors'

/** What a trace was made for: the types of the tensor arguments and everything about the arguments that is static. */
export interface TraceSignature {
  /** Where each tensor is among the arguments: `[0].audio`. */
  readonly paths: readonly string[]
  /** `float32[8,16000]`, one a path. */
  readonly types: readonly string[]
  /** Structure and static values, as text. */
  readonly structure: string
}

/** Traces among the last {@link WINDOW} calls beyond which a function is thought to be compiled for ever new shapes. */
const MANY = 8
const WINDOW = 32

/** Counts the traces of one function, and says so where they do not come to an end. */
export class TraceLog {
  readonly #signatures: TraceSignature[] = []
  /** The numbers of the calls that traced. */
  readonly #at: number[] = []
  #calls = 0
  #warned = false

  constructor(
    readonly name: string,
    readonly maxTraces = Number.POSITIVE_INFINITY,
  ) {}

  /** To be called at every call of the function. */
  called(): void {
    this.#calls++
  }

  /**
   * To be called before a trace.
   *
   * @throws TooManyTracesError when there have been as many as are allowed.
   */
  admit(signature: TraceSignature): void {
    this.#check(this.maxTraces, [...this.#signatures, signature])
  }

  /** To be called after a trace. */
  add(signature: TraceSignature): void {
    this.#signatures.push(signature)
    this.#at.push(this.#calls)
    if (this.#warned) return
    const recent = this.#at.filter((call) => call > this.#calls - WINDOW).length
    if (recent <= MANY) return
    this.#warned = true
    console.warn(
      `jit(${this.name}) has been traced and compiled ${recent} times in its last ${Math.min(this.#calls, WINDOW)} calls. ${describe(this.#signatures)}`,
    )
  }

  /** @throws TooManyTracesError when there are more traces than `limit`. */
  assertAtMost(limit: number): void {
    this.#check(limit, this.#signatures)
  }

  clear(): void {
    this.#signatures.length = 0
    this.#at.length = 0
  }

  #check(limit: number, signatures: readonly TraceSignature[]): void {
    if (signatures.length <= limit) return
    throw new TooManyTracesError(
      `jit(${this.name}) is traced for the ${ordinal(signatures.length)} time, where at most ${limit} ${limit === 1 ? 'is' : 'are'} allowed. ${describe(signatures)}`,
    )
  }
}

const ordinal = (n: number): string => {
  const suffix = n % 100 > 10 && n % 100 < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')
  return `${n}${suffix}`
}

/** What differs between traces, and what to do about it. */
const describe = (signatures: readonly TraceSignature[]): string => {
  const last = signatures.at(-1)!
  const parts = last.paths.flatMap((path, i) => {
    const seen = new Set(signatures.filter((other) => other.paths[i] === path).map((other) => other.types[i]!))
    if (seen.size < 2) return []
    const shown = [...seen].slice(-4)
    return [`argument ${path} came as ${seen.size > shown.length ? '…, ' : ''}${shown.join(', ')}`]
  })
  const shapes =
    parts.length > 0
      ? [
          `${parts.join('; ')}: pad such arguments to a few fixed sizes (buckets) and pass the true lengths in a tensor.`,
        ]
      : []
  const structures = new Set(signatures.map(({ structure }) => structure))
  const statics =
    structures.size > 1
      ? [
          `Static arguments or the structure of the arguments differ (${structures.size} variants, the last ${shorten(last.structure)}): pass numbers that change as tensors.`,
        ]
      : []
  return [...shapes, ...statics].join(' ')
}

const shorten = (text: string): string => (text.length > 120 ? `${text.slice(0, 119)}…` : text)
