import { CheckpointError } from '../errors'
import type { HostTensor } from './host-tensor'

const word = new Uint32Array(1)
const single = new Float32Array(word.buffer)
/** The number of each float16 bit pattern, made when first needed. */
let float16Values: Float32Array | undefined

/** Value of an IEEE 754 binary16 bit pattern; exact. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** IEEE 754 binary16 bit pattern nearest to `value` (ties to even), overflowing to infinity. */
export function numberToFloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (magnitude >= 65520) return sign | 0x7c00
  // In binade `exponent` neighbours are 2^(exponent - 10) apart; below the normal range they stay 2^-24 apart.
  let exponent = magnitude < 2 ** -14 ? -14 : Math.floor(Math.log2(magnitude))
  if (2 ** exponent > magnitude && exponent > -14) exponent--
  if (2 ** (exponent + 1) <= magnitude) exponent++
  const steps = roundHalfEven(magnitude * 2 ** (10 - exponent))
  // A carry out of the fraction moves into the exponent field by itself.
  return sign | (magnitude < 2 ** -14 ? steps : ((exponent + 15) << 10) + (steps - 1024))
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

/** bfloat16 bit pattern nearest to the number whose float32 bit pattern is given (ties to even). */
function toBfloat16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

/** The same for float16: {@link numberToFloat16} from the bits, which takes a tenth of the time. */
function toFloat16(bits: number): number {
  const magnitude = bits & 0x7fffffff
  // NaN, what overflows, and what is below the normal range are left to the slow way.
  if (magnitude >= 0x477ff000 || magnitude < 0x38800000) {
    word[0] = bits
    return numberToFloat16(single[0]!)
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return ((bits >>> 16) & 0x8000) | ((rounded - 0x38000000) >>> 13)
}

/**
 * The tensor's elements as float32. `F16` and `BF16` convert exactly; `F64` and integers round to the nearest float32.
 * An `F32` tensor's own array is returned, not a copy.
 *
 * @throws CheckpointError for the 8-bit float types, whose scales live outside the file.
 */
export function toFloat32(tensor: HostTensor): Float32Array {
  const { data, dtype } = tensor
  if (data instanceof Float32Array) return data
  const out = new Float32Array(data.length)
  if (dtype === 'F16') {
    float16Values ??= Float32Array.from({ length: 65_536 }, (_, bits) => float16ToNumber(bits))
    const bits = data as Uint16Array
    for (let i = 0; i < out.length; i++) out[i] = float16Values[bits[i]!]!
  } else if (dtype === 'BF16') {
    // Through the bits, so that a NaN keeps its payload.
    const bits = new Uint32Array(out.buffer)
    const halves = data as Uint16Array
    for (let i = 0; i < bits.length; i++) bits[i] = halves[i]! << 16
  } else if (dtype === 'F8_E4M3' || dtype === 'F8_E5M2' || dtype === 'F8_E8M0') {
    throw new CheckpointError(`A tensor of dtype ${dtype} cannot be converted to float32.`, {
      cure: 'Dequantise the checkpoint with the tool that made it, and save it as F32, F16 or BF16.',
    })
  } else {
    for (let i = 0; i < out.length; i++) out[i] = Number(data[i])
  }
  return out
}

/**
 * The tensor's elements as int32. An `I32` tensor's own array is returned, not a copy.
 *
 * @throws CheckpointError if the tensor is not of an integer type or a value does not fit.
 */
export function toInt32(tensor: HostTensor): Int32Array {
  const { data, dtype } = tensor
  if (data instanceof Int32Array) return data
  if (!/^([IU]\d+|BOOL)$/.test(dtype)) {
    throw new CheckpointError(`A tensor of dtype ${dtype} does not hold integers.`, { cure: 'Read it with toFloat32.' })
  }
  const out = new Int32Array(data.length)
  for (let i = 0; i < out.length; i++) {
    const value = Number(data[i])
    if (value !== (value | 0)) {
      throw new CheckpointError(
        `Element ${i} of a tensor of dtype ${dtype} is ${data[i]}, which does not fit in int32.`,
        {
          cure: 'Read its `data` array directly.',
        },
      )
    }
    out[i] = value
  }
  return out
}

/**
 * A host tensor of float32 values, stored as `F32` (default; the array is kept, not copied) or rounded to `F16` or `BF16`
 * (nearest, ties to even).
 */
export function fromFloat32(
  values: Float32Array,
  shape: readonly number[],
  dtype: 'F32' | 'F16' | 'BF16' = 'F32',
): HostTensor {
  if (dtype === 'F32') return { data: values, shape, dtype }
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const data = new Uint16Array(values.length)
  if (dtype === 'F16') for (let i = 0; i < data.length; i++) data[i] = toFloat16(bits[i]!)
  else for (let i = 0; i < data.length; i++) data[i] = toBfloat16(bits[i]!)
  return { data, shape, dtype }
}
