/** Room for half as much again, so that filling an array costs a constant number of copies of each element. */
const roomFor = (have: number, need: number): number => Math.max(need, Math.ceil(have * 1.5), 16)

/** The array itself if it has room for `need` elements, else a longer copy. */
export const growInt32 = (array: Int32Array<ArrayBuffer>, need: number): Int32Array<ArrayBuffer> => {
  if (need <= array.length) return array
  const longer = new Int32Array(roomFor(array.length, need))
  longer.set(array)
  return longer
}

export const growUint8 = (array: Uint8Array<ArrayBuffer>, need: number): Uint8Array<ArrayBuffer> => {
  if (need <= array.length) return array
  const longer = new Uint8Array(roomFor(array.length, need))
  longer.set(array)
  return longer
}

export const growFloat32 = (array: Float32Array<ArrayBuffer>, need: number): Float32Array<ArrayBuffer> => {
  if (need <= array.length) return array
  const longer = new Float32Array(roomFor(array.length, need))
  longer.set(array)
  return longer
}

export const growFloat64 = (array: Float64Array<ArrayBuffer>, need: number): Float64Array<ArrayBuffer> => {
  if (need <= array.length) return array
  const longer = new Float64Array(roomFor(array.length, need))
  longer.set(array)
  return longer
}
