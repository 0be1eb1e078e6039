import { HostRng } from '../random/index'

/** Numbers at which parsers go wrong: signs, powers of two and what is next to them. */
const awkward = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 2 ** 31 - 8]

/**
 * Endless damaged copies of good files: bytes overwritten, runs removed, doubled or moved, numbers replaced, ends cut off, and words
 * of the format put where they do not belong. The same seed gives the same copies.
 */
export function* damagedCopies(
  originals: readonly Uint8Array[],
  seed: number,
  words: readonly string[] = [],
  /** Bytes at the front in which most of the damage is done. */
  front = Number.POSITIVE_INFINITY,
): Generator<Uint8Array> {
  const rng = new HostRng(seed, 'damage')
  const below = (n: number) => Math.min(n - 1, Math.floor(rng.uniform() * n))
  for (;;) {
    let bytes: Uint8Array = Uint8Array.from(originals[below(originals.length)]!)
    for (let times = 1 + below(4); times > 0 && bytes.length > 0; times--) {
      const at = below(rng.uniform() < 0.9 ? Math.min(bytes.length, front) : bytes.length)
      const length = 1 + below(Math.min(32, bytes.length - at))
      const part = bytes.subarray(at, at + length)
      const splice = (from: number, to: number, ...middle: Uint8Array[]) => {
        bytes = Uint8Array.from([bytes.subarray(0, from), ...middle, bytes.subarray(to)].flatMap((b) => [...b]))
      }
      const view = new DataView(bytes.buffer)
      const kind = below(8)
      if (kind <= 1) bytes[at] = below(256)
      else if (kind === 2) bytes[at]! ^= 1 << below(8)
      else if (kind === 3 && at + 4 <= bytes.length) view.setUint32(at, awkward[below(awkward.length)]!, true)
      else if (kind === 4) splice(at, at + length)
      else if (kind === 5) splice(at, at, part)
      else if (kind === 6 && rng.uniform() < 0.3) bytes = bytes.slice(0, at)
      else if (words.length > 0)
        splice(at, at + below(2) * length, new TextEncoder().encode(words[below(words.length)]!))
    }
    yield bytes
  }
}

const arrayNames = [
  'ArrayBuffer',
  'Uint8Array',
  'Int8Array',
  'Uint16Array',
  'Int16Array',
  'Uint32Array',
  'Int32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
] as const

/**
 * Counts the bytes of all array buffers that are made and all text that is decoded, freed or not, until `stop` is called: what a parser
 * allocated on the word of its input.
 */
export function countAllocations(): {
  readonly bytes: () => number
  readonly reset: () => void
  readonly stop: () => void
} {
  let total = 0
  const globals = globalThis as unknown as Record<string, unknown>
  const originals = new Map<string, unknown>()
  for (const name of arrayNames) {
    const original = globals[name] as { BYTES_PER_ELEMENT?: number } & (new (...args: unknown[]) => object)
    originals.set(name, original)
    const add = (first: unknown) => {
      if (typeof first === 'number') total += first * (original.BYTES_PER_ELEMENT ?? 1)
      else if (typeof first === 'object' && first !== null && 'length' in first) {
        total += Number(first.length) * (original.BYTES_PER_ELEMENT ?? 1)
      }
    }
    globals[name] = new Proxy(original, {
      construct(target, args, newTarget) {
        add(args[0])
        return Reflect.construct(target, args, newTarget === globals[name] ? target : newTarget)
      },
    })
  }
  const decode = TextDecoder.prototype.decode
  TextDecoder.prototype.decode = function (...args) {
    const text = decode.apply(this, args)
    total += text.length
    return text
  }
  const pool = { alloc: Buffer.alloc, allocUnsafe: Buffer.allocUnsafe }
  for (const name of ['alloc', 'allocUnsafe'] as const) {
    Buffer[name] = (size: number, ...rest: []) => {
      total += size
      return pool[name](size, ...rest)
    }
  }
  return {
    bytes: () => total,
    reset: () => {
      total = 0
    },
    stop: () => {
      for (const [name, original] of originals) globals[name] = original
      TextDecoder.prototype.decode = decode
      Object.assign(Buffer, pool)
    },
  }
}
