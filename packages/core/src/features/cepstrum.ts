/**
 * Orthonormal DCT-II (with an optional sinusoidal lifter) from log filter energies to cepstral coefficients.
 *
 * @param filters Log energies in.
 * @param coefficients Cepstral coefficients out.
 * @param lifter Weight of coefficient i is 1 + lifter / 2 · sin(π i / lifter); 0 for none.
 * @returns A function that writes the coefficients of one frame.
 */
export function planCepstrum(
  filters: number,
  coefficients: number,
  lifter: number,
): (logEnergies: Float64Array, out: Float64Array) => void {
  const matrix = new Float64Array(coefficients * filters)
  for (let c = 0; c < coefficients; c++) {
    const weight = lifter === 0 ? 1 : 1 + (lifter / 2) * Math.sin((Math.PI * c) / lifter)
    const norm = weight * Math.sqrt((c === 0 ? 1 : 2) / filters)
    for (let f = 0; f < filters; f++) matrix[c * filters + f] = norm * Math.cos((Math.PI * c * (f + 0.5)) / filters)
  }
  return (logEnergies, out) => {
    for (let c = 0, at = 0; c < coefficients; c++) {
      let sum = 0
      for (let f = 0; f < filters; f++, at++) sum += matrix[at]! * logEnergies[f]!
      out[c] = sum
    }
  }
}
