const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`))

/**
 * The decimal number in `bytes[start, end)`, to the nearest double; NaN for anything else, also for infinity. Numbers of up to 15
 * digits, which are all that models hold, are read without making a string.
 */
export const parseDecimal = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start
  const sign = bytes[at]
  if (sign === 0x2d || sign === 0x2b) at++
  let digits = 0
  let decimals = 0
  let value = 0
  let point = false
  for (; at < end; at++) {
    const byte = bytes[at]!
    if (byte === 0x2e && !point) point = true
    else if (byte >= 0x30 && byte <= 0x39) {
      value = value * 10 + byte - 0x30
      digits++
      if (point) decimals++
    } else break
  }
  if (digits === 0) return Number.NaN
  // Both are exact doubles, so the division rounds once.
  if (at === end && digits <= 15) return (sign === 0x2d ? -value : value) / POWERS[decimals]!
  const text = new TextDecoder('latin1').decode(bytes.subarray(start, end))
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN
}
