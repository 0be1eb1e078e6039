import type { Node } from '../graph/graph'
import type { Hlo } from '../graph/hlo'
import { sizeOf } from '../graph/types'
import { defineXlaKernel } from './define'

const rotations = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const

const rotateLeft = (h: Hlo, x: Node, by: number): Node =>
  h.binary(
    'or',
    h.binary('shift_left', x, h.constant(by, 'u32')),
    h.binary('shift_right_logical', x, h.constant(32 - by, 'u32')),
  )

/** Threefry-2x32 with 20 rounds (Salmon et al. 2011), elementwise over u32 counters. */
export const threefry = (h: Hlo, key: readonly [Node, Node], counter: readonly [Node, Node]): [Node, Node] => {
  const parity = h.binary('xor', h.binary('xor', key[0], key[1]), h.constant(0x1bd11bda, 'u32'))
  const keys = [key[0], key[1], parity]
  let [x, y] = [h.add(counter[0], keys[0]!), h.add(counter[1], keys[1]!)]
  for (let group = 0; group < 5; group++) {
    for (const by of rotations[group % 2]!) {
      x = h.add(x, y)
      y = h.binary('xor', rotateLeft(h, y, by), x)
    }
    x = h.add(x, keys[(group + 1) % 3]!)
    y = h.add(h.add(y, keys[(group + 2) % 3]!), h.constant(group + 1, 'u32'))
  }
  return [x, y]
}

/**
 * Numbers of [0, 1) under an i32[2] key: elements 2i and 2i + 1 are the words of threefry(key, (i, stream)), their upper 24 bits.
 * Under an i32[3] key they begin at element `key[2] * count`.
 */
export const keyedUniform = (h: Hlo, key: Node, stream: number, shape: readonly number[]): Node => {
  const count = sizeOf(shape)
  const pairs = Math.ceil(count / 2)
  const bits = h.bitcast(key, 'u32')
  const word = (i: number) => h.reshape(h.slice(bits, [i], [i + 1]), [])
  const u32 = (value: number) => h.constant(value, 'u32')
  const start = key.type.shape[0] === 3 ? h.mul(word(2), u32(count)) : undefined
  const iota = h.iota([pairs], 0, 'u32')
  const counters =
    start === undefined ? iota : h.add(iota, h.broadcast(h.binary('shift_right_logical', start, u32(1)), [pairs]))
  const words = threefry(h, [word(0), word(1)], [counters, h.constant(stream >>> 0, 'u32', [pairs])])
  const paired = h.concat(
    words.map((x) => h.reshape(x, [pairs, 1])),
    1,
  )
  const flat = h.reshape(paired, [pairs * 2])
  const first = h.slice(flat, [0], [count])
  // Where `count` is odd, every other part begins with the second word of a pair.
  const chosen =
    start === undefined || count % 2 === 0
      ? first
      : h.select(
          h.broadcast(h.compare('NE', h.binary('and', start, u32(1)), u32(0)), [count]),
          h.slice(flat, [1], [count + 1]),
          first,
        )
  const mantissa = h.convert(h.binary('shift_right_logical', chosen, h.constant(8, 'u32')), 'f32')
  return h.reshape(h.mul(mantissa, h.constant(2 ** -24)), shape)
}

export const registerRandom = (): void => {
  defineXlaKernel<{ shape: number[]; stream: number }>('KeyedUniform', ({ h, inputs, attrs }) =>
    keyedUniform(h, inputs.key!, attrs.stream, attrs.shape),
  )
}
