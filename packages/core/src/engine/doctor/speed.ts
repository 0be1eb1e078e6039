import * as tf from '@tensorflow/tfjs-core'
import { conv1d } from '../../ops/index'
import { compile } from '../compile'
import type { EngineSpeed } from './report'

/** Products in one program: reading one result back weighs less. */
const PRODUCTS = 4
const CHANNELS = 512
const KERNEL = 3
const STRIDE = 2

/** A piece of work at a size. */
interface Work {
  /** Floating-point operations of one run. */
  readonly operations: number
  /** Does it once and waits for the result. */
  run(): Promise<void>
  dispose(): void
}

const matmulWork = (n: number): Work => {
  // Scaled so that products of products stay near 1.
  const matrix = () => tf.randomNormal([n, n], 0, n ** -0.5) as tf.Tensor2D
  const [a, b] = [matrix(), matrix()]
  const program = compile((x: tf.Tensor2D, y: tf.Tensor2D) => {
    let product = x
    for (let i = 0; i < PRODUCTS; i++) product = tf.matMul(product, y)
    return tf.sum(tf.square(product))
  })
  return work(2 * n ** 3 * PRODUCTS, () => program(a, b), [a, b, program])
}

const conv1dWork = (steps: number): Work => {
  const x = tf.randomNormal([1, steps, CHANNELS]) as tf.Tensor3D
  const weight = tf.randomNormal([CHANNELS, CHANNELS, KERNEL], 0, (CHANNELS * KERNEL) ** -0.5) as tf.Tensor3D
  const program = compile((input: tf.Tensor3D, kernel: tf.Tensor3D) => {
    const { value, grads } = tf.valueAndGrads((i, k) =>
      tf.sum(tf.square(conv1d(i as tf.Tensor3D, k as tf.Tensor3D, { stride: STRIDE }))),
    )([input, kernel])
    return tf.addN([value, ...grads.map((gradient) => tf.sum(tf.square(gradient)))])
  })
  const frames = Math.floor((steps - KERNEL) / STRIDE) + 1
  // Forward, the input's gradient and the weight's cost the same.
  return work(3 * 2 * frames * CHANNELS * CHANNELS * KERNEL, () => program(x, weight), [x, weight, program])
}

const work = (operations: number, compute: () => tf.Tensor, held: { dispose(): void }[]): Work => ({
  operations,
  run: async () => {
    const result = compute()
    await result.data()
    result.dispose()
  },
  dispose: () => {
    for (const each of held) each.dispose()
  },
})

const timed = async (run: () => Promise<void>): Promise<number> => {
  const started = performance.now()
  await run()
  return performance.now() - started
}

/** Finds a size at which a run takes long enough to be measured, and the median rate there. */
const measure = async (
  makeWork: (size: number) => Work,
  sizes: readonly number[],
  budgetMs: number,
): Promise<{ gflops: number; size: number }> => {
  const deadline = performance.now() + budgetMs
  for (const [at, size] of sizes.entries()) {
    const current = makeWork(size)
    try {
      await current.run()
      const first = await timed(current.run)
      const next = sizes[at + 1]
      // The next size, warm-up included, must leave time for a few runs.
      const growth = next === undefined ? Number.POSITIVE_INFINITY : (next / size) ** (makeWork === matmulWork ? 3 : 1)
      if (first < 100 && first * growth * 8 < deadline - performance.now()) continue
      const times = [first]
      while (performance.now() + first < deadline) times.push(await timed(current.run))
      times.sort((a, b) => a - b)
      return { gflops: current.operations / times[Math.floor(times.length / 2)]! / 1e6, size }
    } finally {
      current.dispose()
    }
  }
  throw new Error('no size was measured')
}

/** Measures the current engine for about as long as given. */
export const measureEngine = async (seconds: number): Promise<EngineSpeed> => {
  const half = (seconds * 1000) / 2
  const matmul = await measure(matmulWork, [64, 128, 256, 512, 1024, 2048, 4096, 8192], half)
  const conv = await measure(conv1dWork, [32, 128, 512, 2048, 8192, 32768], half)
  return { matmul: matmul.gflops, matmulSize: matmul.size, conv1d: conv.gflops, conv1dSteps: conv.size }
}
