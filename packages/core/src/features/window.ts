/**
 * Shapes of an analysis window over n = 0..N-1. The symmetric ones end as they begin (period N - 1); `periodic-hann` has period N, as
 * short-time Fourier transforms use it. `povey` is Kaldi's own: a Hann window to the power 0.85.
 */
export const windowTypes = [
  'povey',
  'hanning',
  'hamming',
  'blackman',
  'sine',
  'rectangular',
  'periodic-hann',
  'periodic-hamming',
] as const

export type WindowType = (typeof windowTypes)[number]

/**
 * @param length Samples.
 * @param blackmanCoefficient The constant term of `blackman`. Default 0.42.
 */
export function makeWindow(type: WindowType, length: number, blackmanCoefficient = 0.42): Float64Array {
  if (length === 1) return Float64Array.of(1)
  const period = type.startsWith('periodic') ? length : length - 1
  return Float64Array.from({ length }, (_, n) => {
    const angle = (2 * Math.PI * n) / period
    switch (type) {
      case 'povey':
        return (0.5 - 0.5 * Math.cos(angle)) ** 0.85
      case 'hanning':
      case 'periodic-hann':
        return 0.5 - 0.5 * Math.cos(angle)
      case 'hamming':
      case 'periodic-hamming':
        return 0.54 - 0.46 * Math.cos(angle)
      case 'blackman':
        return blackmanCoefficient - 0.5 * Math.cos(angle) + (0.5 - blackmanCoefficient) * Math.cos(2 * angle)
      case 'sine':
        return Math.sin(angle / 2)
      case 'rectangular':
        return 1
    }
  })
}
