const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const

/** Scratch of {@link threefryInto}: the two words of the last block. */
const block = new Uint32Array(2)

/** One block, left in `block`: no allocation in the inner loops that call it. */
const threefryInto = (k0: number, k1: number, c0: number, c1: number): void => {
  const k2 = k0 ^ k1 ^ 0x1bd11bda
  let x = (c0 + k0) | 0
  let y = (c1 + k1) | 0
  for (let group = 0; group < 5; group++) {
    const from = (group & 1) * 4
    for (let i = from; i < from + 4; i++) {
      const by = ROTATIONS[i]!
      x = (x + y) | 0
      y = ((y << by) | (y >>> (32 - by))) ^ x
    }
    const [a, b] = group % 3 === 0 ? [k1, k2] : group % 3 === 1 ? [k2, k0] : [k0, k1]
    x = (x + a) | 0
    y = (y + b + group + 1) | 0
  }
  block[0] = x
  block[1] = y
}

/**
 * Threefry-2x32 with 20 rounds: a keyed random function of a counter (Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3"). All arguments and both results are unsigned 32-bit integers.
 */
export const threefry2x32 = (k0: number, k1: number, c0: number, c1: number): [number, number] => {
  threefryInto(k0, k1, c0, c1)
  return [block[0]!, block[1]!]
}

/**
 * Numbers of [0, 1) as the `KeyedUniform` kernel defines them: the upper 24 bits of the words of blocks (i, stream), from number
 * `offset` on.
 */
export const keyedUniform = (k0: number, k1: number, stream: number, count: number, offset = 0): Float32Array => {
  const values = new Float32Array(count)
  const end = offset + count
  for (let pair = Math.floor(offset / 2); 2 * pair < end; pair++) {
    threefryInto(k0, k1, pair >>> 0, stream)
    const at = 2 * pair - offset
    if (at >= 0) values[at] = (block[0]! >>> 8) * 2 ** -24
    if (at + 1 < count) values[at + 1] = (block[1]! >>> 8) * 2 ** -24
  }
  return values
}

/** Folds a number or a text into a key: a new key that is a random function of both. */
export const foldKey = ([k0, k1]: readonly [number, number], data: number | string): [number, number] => {
  if (typeof data === 'number') {
    if (!Number.isSafeInteger(data))
      throw new RangeError(`a random key is folded with whole numbers and texts, not ${data}.`)
    return threefry2x32(k0, k1, data >>> 0, Math.floor(data / 2 ** 32) >>> 0)
  }
  // The text's bytes in blocks of 4; the length keeps "a" and "a\0" apart, the marked counter keeps texts apart from numbers.
  const bytes = new TextEncoder().encode(data)
  let key = threefry2x32(k0, k1, bytes.length, 0x80000000)
  for (let i = 0; i < bytes.length; i += 4) {
    const word =
      (bytes[i]! | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24)) >>> 0
    key = threefry2x32(key[0], key[1], word, 0x80000001)
  }
  return key
}

/** The key that a seed stands for. */
export const keyOf = (seed: number): [number, number] => foldKey([0, 0], seed)
