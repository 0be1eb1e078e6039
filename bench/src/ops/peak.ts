import type { OpResult } from '../report/records'

/** What the machine gave in a run: the highest of all contestants. */
export interface Peak {
  /** Of the largest square matrix product. */
  readonly flopsPerSecond?: number
  /** Of a multiplication of a large array by 2. */
  readonly bytesPerSecond?: number
}

const fastest = (result: OpResult | undefined): number | undefined => {
  const seconds = Object.values(result?.times ?? {}).map(({ medianSeconds }) => medianSeconds)
  return seconds.length > 0 ? Math.min(...seconds) : undefined
}

export const peakOf = (results: readonly OpResult[]): Peak => {
  const product = results.find(({ id }) => id === 'matmul x W 2048x2048x2048')
  const stream = results.find(({ id }) => id === 'scale 24 MB')
  const [productSeconds, streamSeconds] = [fastest(product), fastest(stream)]
  return {
    ...(productSeconds !== undefined && { flopsPerSecond: product!.flops! / productSeconds }),
    ...(streamSeconds !== undefined && { bytesPerSecond: stream!.bytes / streamSeconds }),
  }
}
