/** What Babble uses of fft.js, which comes without types. Complex arrays hold real and imaginary parts in turn. */
declare module 'fft.js' {
  export default class FFT {
    /** @param size A power of two, at least 2. */
    constructor(size: number)
    transform(out: Float64Array, data: Float64Array): void
    inverseTransform(out: Float64Array, data: Float64Array): void
    /** Fills the first half of `out`; the second follows from symmetry. */
    realTransform(out: Float64Array, data: Float64Array): void
  }
}
