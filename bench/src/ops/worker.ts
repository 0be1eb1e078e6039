/**
 * Babble's side of the op benchmark, on any of its engines. Usage: node dist/ops-worker.js <WorkerArguments as JSON>
 */
import { type CompiledFunction, compile } from '@babble/core'
import * as tf from '@tensorflow/tfjs-core'
import { decline, serve } from '../serve'
import type { Precision } from '../settings'
import { startEngine, type WorkerArguments } from '../start-engine'
import type { OpWork } from './case'
import { type OpProgram, opProgram } from './programs'
import type { OpAnswer, OpRequest } from './protocol'

/** `marker` is a scalar of the same program: reading it waits for the whole of it, and copies nothing of size. */
interface Results {
  readonly outputs: tf.Tensor[]
  readonly marker: tf.Scalar
}

class PreparedOp {
  readonly #program: OpProgram
  readonly #compiled: CompiledFunction<[tf.Scalar, tf.Tensor[]], Results>
  readonly #one = tf.scalar(1)

  constructor(work: OpWork, precision: Precision) {
    this.#program = opProgram(work)
    const { call } = this.#program
    this.#compiled = compile(
      (marker: tf.Scalar, inputs: tf.Tensor[]): Results => ({
        outputs: call(...inputs),
        marker: tf.add(marker, 1) as tf.Scalar,
      }),
      { name: work.kind, precision },
    )
  }

  /** Seconds of one call, from tensors in memory to all results in memory. */
  call(): number {
    const started = performance.now()
    const { outputs, marker } = this.#compiled(this.#one, [...this.#program.inputs])
    marker.dataSync()
    const seconds = (performance.now() - started) / 1000
    tf.dispose([outputs, marker])
    return seconds
  }

  /** Mean absolute value of each output of one more call. */
  checksums(): number[] {
    const { outputs, marker } = this.#compiled(this.#one, [...this.#program.inputs])
    const inspected = this.#program.inspect?.() ?? outputs
    const sums = inspected.map((output) => {
      const values = output.dataSync()
      let sum = 0
      for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]!)
      return sum / values.length
    })
    tf.dispose([outputs, marker])
    return sums
  }

  dispose(): void {
    this.#compiled.dispose()
    this.#program.dispose?.()
    tf.dispose([...this.#program.inputs, this.#one])
  }
}

const main = async (): Promise<void> => {
  const settings = JSON.parse(process.argv[2] ?? '{}') as WorkerArguments
  const engine = await startEngine(settings)
  let op: PreparedOp | undefined
  await serve<OpRequest>({ name: `Babble, ${engine.description}`, threads: settings.threads }, async (request) => {
    if (request.do === 'prepare') {
      op?.dispose()
      op = new PreparedOp(request.work, settings.precision)
      const prepareSeconds = op.call()
      const callSeconds = op.call()
      return { prepareSeconds, callSeconds, checksums: op.checksums() } satisfies OpAnswer['prepare']
    }
    if (request.do === 'time') {
      if (!op) throw new Error('nothing is prepared.')
      // Caches and sleeping threads are the other contestant's doing.
      op.call()
      const seconds = Array.from({ length: request.calls }, () => op!.call())
      return { seconds } satisfies OpAnswer['time']
    }
    op?.dispose()
    op = undefined
    return {} satisfies OpAnswer['release']
  })
}

main().catch(decline)
