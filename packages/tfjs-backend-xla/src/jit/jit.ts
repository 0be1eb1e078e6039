import type { Tensor } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../backend'
import { currentXlaBackend } from '../current-backend'
import { withOrigin } from '../graph/graph'
import { flatten } from '../nest'
import type { CompiledMemoryStats } from '../pjrt/index'
import { inPrecision, type Precision } from '../precision/index'
import { type ProgramProfile, profileProgram } from '../profile/index'
import { type DeviceOptions, partition, split } from './partition'
import type { Compiled, Recording } from './program'
import { record } from './record'
import { compile, print, release, run } from './run'
import { TraceLog } from './traces'

export interface JitOptions extends DeviceOptions {
  /** Shown in messages and profiles. Default: the function's name. */
  readonly name?: string
  /** A call that needs one more trace than this is a {@link TooManyTracesError}. Default: no limit, a warning where there are many. */
  readonly maxTraces?: number
  /**
   * What products compute in. `bf16`: matrix products and convolutions take bfloat16 operands and add up in float32, as does the elementwise
   * work between them; sums, softmax, norms, exponentials, variables and results stay in float32. Default `float32`.
   */
  readonly precision?: Precision
}

/** A function that runs as one compiled program per combination of argument shapes and static arguments. */
export interface JitFunction<A extends unknown[], R> {
  (...args: A): R
  /** How often the function has been traced: once for each combination so far. */
  readonly traceCount: number
  /** The StableHLO of the program for these arguments: traced if they are new, but neither compiled nor run. */
  lower(...args: A): string
  /** What the program for these arguments needs in device memory, in bytes: compiled if they are new, but not run. */
  memory(...args: A): CompiledMemoryStats
  /**
   * Times the parts of the program for these arguments one by one, on made-up values: where the time of a call goes. Parts are products,
   * convolutions and the elementwise work between them, much as XLA fuses it. Compiles each kind of part, which takes a while.
   */
  profile(...args: A): ProgramProfile
  /** Frees the compiled programs. */
  dispose(): void
}

/** A traced program; compiled when it is first run. */
interface Program {
  readonly recording: Recording
  compiled?: Compiled
}

const xlaBackend = (): XlaBackend => {
  const backend = currentXlaBackend()
  if (!backend) throw new Error('jit runs on the "xla" backend only: call registerXla() first.')
  return backend
}

const logs = new WeakMap<object, TraceLog>()

/**
 * Compiles `fn` as one XLA program: a `tf.function` for TensorFlow.js. The first call with new argument shapes records
 * the ops that `fn` runs; later calls only execute.
 *
 * - Arguments: nested arrays and plain objects of tensors; strings, numbers, booleans and null are static (part of the key).
 * - Variables that `fn` reads are inputs of the program, looked up at each call; variables that it assigns are updated after each
 *   call, and their old memory is given to the program (donated) unless another tensor shares it.
 * - Everything else that `fn` closes over is what it was at the first call with these shapes: tensors from outside are captured then, and a
 *   number, function or flag that changes later changes nothing. Tensors made on the host while recording are constants.
 * - `fn` must not read tensors: `dataSync`, `data`, `print` and ops with results of unknown shape (`whereAsync`, `booleanMaskAsync`) throw a
 *   {@link HostReadError} that names the line.
 *
 * A call inside another trace becomes part of that trace.
 */
export const jit = <A extends unknown[], R>(fn: (...args: A) => R, options: JitOptions = {}): JitFunction<A, R> => {
  const name = options.name ?? (fn.name || 'anonymous')
  const programs = new Map<string, Program>()
  const log = new TraceLog(name, options.maxTraces)

  const find = (args: A, backend: XlaBackend): [Program, Tensor[]] => {
    const { tensors, paths, structure } = flatten(args)
    const types = tensors.map(({ dtype, shape }) => `${dtype}[${shape}]`)
    const key = `${structure.key}|${types.join()}`
    let program = programs.get(key)
    if (!program) {
      const spread = split(name, tensors, paths, options, backend.client)
      const signature = { paths, types, structure: structure.key }
      log.admit(signature)
      const seen = spread ? tensors.map(({ dtype }, i) => ({ dtype, shape: [...spread.shapes[i]!] })) : tensors
      const recording = record(backend, name, fn, seen, structure)
      const partitioning = spread && partition(recording, spread)
      program = { recording: { ...recording, partitioning, precision: options.precision } }
      programs.set(key, program)
      log.add(signature)
    }
    return [program, tensors]
  }

  const compiledOf = (program: Program, backend: XlaBackend): Compiled => {
    program.compiled ??= compile(backend, program.recording)
    return program.compiled
  }

  const call = (...args: A): R => {
    const backend = xlaBackend()
    if (backend.trace) return withOrigin(backend.trace.graph, name, () => fn(...args))
    log.called()
    const [program, tensors] = find(args, backend)
    return run(backend, compiledOf(program, backend), tensors) as R
  }
  const jitted = Object.defineProperties(call, {
    name: { value: name },
    traceCount: { get: () => programs.size },
    lower: {
      value: (...args: A) => {
        const backend = xlaBackend()
        const [{ recording, compiled }] = find(args, backend)
        return compiled?.text ?? print(backend, recording)
      },
    },
    memory: {
      value: (...args: A) => {
        const backend = xlaBackend()
        return compiledOf(find(args, backend)[0], backend).executable.memoryStats()
      },
    },
    profile: {
      value: (...args: A) => {
        const backend = xlaBackend()
        const { outputs } = find(args, backend)[0].recording
        return profileProgram(backend.client, name, inPrecision(outputs, options.precision, backend.device))
      },
    },
    dispose: {
      value: () => {
        const backend = currentXlaBackend()
        if (backend) for (const program of programs.values()) release(backend, program.compiled ?? program.recording)
        programs.clear()
        log.clear()
      },
    },
  }) as unknown as JitFunction<A, R>
  logs.set(jitted, log)
  return jitted
}

/**
 * Makes sure that a function has been traced at most `limit` times so far; for tests of training loops, and after warming up.
 *
 * @throws TooManyTracesError which names the arguments whose shapes differ.
 */
export const assertMaxTraces = (jitted: JitFunction<never[], unknown>, limit: number): void => {
  const log = logs.get(jitted)
  if (!log) throw new TypeError('assertMaxTraces takes a function made by jit.')
  log.assertAtMost(limit)
}
