import type { Tensor } from '@tensorflow/tfjs-core'
import type { XlaBackend } from '../backend'
import type { ResidentInputs } from '../pjrt/index'
import { Storage } from '../storage'
import type { Compiled } from './program'

/**
 * A program between two calls of a training loop: its variables lie where the last call has left them, and nothing else uses them. Then
 * a call has nothing to look up but its arguments, where otherwise it goes through hundreds of variables, each of which is a few
 * misses of the processor's caches after a step.
 */
export class SteadyState {
  readonly #compiled: Compiled
  readonly #resident: ResidentInputs
  readonly #arguments: readonly (readonly [input: number, argument: number])[]
  /** {@link Storage.changes} when this was found to hold. */
  readonly #changes: number

  private constructor(compiled: Compiled, inputs: readonly Storage[], { client }: XlaBackend) {
    const { executable, continues } = compiled
    this.#compiled = compiled
    this.#arguments = argumentInputs(compiled)
    const fresh = this.#arguments.map(([input]) => input)
    const buffers = inputs.map((storage) => storage.buffer(client))
    this.#resident = executable.keepResident(buffers, fresh, continues)
    for (const [i, storage] of inputs.entries()) if (!fresh.includes(i)) storage.watch()
    this.#changes = Storage.changes
  }

  /**
   * The state that a call has left; undefined where the next call has to look.
   *
   * @param inputs The memory that the program was given.
   * @param results The memory of its outputs.
   */
  static after(
    backend: XlaBackend,
    compiled: Compiled,
    inputs: readonly Storage[],
    results: readonly Storage[],
  ): SteadyState | undefined {
    if (compiled.partitioning || compiled.assigned.length === 0) return undefined
    const stayed = compiled.assigned.every(
      ({ input, output }) =>
        input !== undefined && compiled.continues[output] === input && results[output] === inputs[input],
    )
    const argumentsShared = argumentInputs(compiled).some(
      ([input]) => inputs.indexOf(inputs[input]!) !== inputs.lastIndexOf(inputs[input]!),
    )
    return stayed && !argumentsShared ? new SteadyState(compiled, inputs, backend) : undefined
  }

  /** Runs the program on new arguments and returns the memory of its results, or undefined, if the state is not what it was. */
  run(backend: XlaBackend, args: readonly Tensor[]): Storage[] | undefined {
    if (Storage.changes !== this.#changes) return undefined
    const fresh = []
    for (const [input, argument] of this.#arguments) {
      const storage = backend.storageOf(args[argument]!)
      // It may be one of the variables.
      if (storage.isWatched) return undefined
      fresh.push([input, storage.buffer(backend.client)] as [number, ReturnType<Storage['buffer']>])
    }
    if (Storage.changes !== this.#changes) return undefined
    const { executable, outputs } = this.#compiled
    const buffers = executable.executeResident(this.#resident, fresh)
    return buffers.map((buffer, i) => Storage.onDevice(outputs[i]!.type, buffer))
  }
}

const argumentInputs = ({ inputs }: Compiled): [input: number, argument: number][] =>
  inputs.flatMap((source, i) => ('argument' in source ? [[i, source.argument] as [number, number]] : []))
