import * as tf from '@tensorflow/tfjs-core'
import { Module } from './module'

export interface EmaTeacherOptions {
  /** Parameters (by their name within the student) that are copied rather than averaged. Default: none; buffers are always copied. */
  readonly copied?: (name: string) => boolean
}

/**
 * A teacher whose weights are the exponential moving average of a student's (Tarvainen and Valpola 2017; data2vec, Baevski et al.
 * 2022, section 3.3). All of it is buffers: checkpoints hold it and no optimiser trains it.
 *
 * The student is not part of it; an objective calls {@link update} once an update, in `afterUpdate`, where it becomes part of the
 * compiled step. What is given to the teacher passes through `stopGradient` first: it is not trained through its inputs either.
 */
export class EmaTeacher<M extends Module> extends Module {
  readonly model: M
  readonly #student: M
  readonly #copied: (name: string) => boolean

  /** @param make Makes a second module of the student's shape, for the teacher; it begins with the student's values. */
  constructor(student: M, make: () => M, { copied = () => false }: EmaTeacherOptions = {}) {
    super()
    this.model = make()
    this.#student = student
    this.#copied = copied
    const names = (module: M) => [...module.stateDict()].map(([name, { shape }]) => `${name} [${shape}]`).join('\n')
    if (names(student) !== names(this.model))
      throw new RangeError("EMA teacher: it does not have the student's parameters.")
    this.reset()
  }

  protected override bufferNames() {
    return ['model']
  }

  /** Copies the student. */
  reset(): void {
    this.update(0)
  }

  /** teacher = decay teacher + (1 - decay) student, with `decay` a number or a scalar on the engine. */
  update(decay: number | tf.Tensor): void {
    const parameters = this.#student.namedParameters()
    const state = this.#student.stateDict()
    const teacher = new Map([...this.model.namedParameters(), ...this.model.namedBuffers()])
    tf.tidy(() => {
      for (const [name, variable] of teacher) {
        const value = state.get(name)!
        const averaged = parameters.has(name) && !this.#copied(name) && decay !== 0
        variable.assign(averaged ? tf.add(tf.mul(variable, decay), tf.mul(value, tf.sub(1, decay))) : tf.clone(value))
      }
    })
  }
}

export interface AnnealedDecayOptions {
  /** Decay at step 0. */
  readonly start: number
  /** Decay from step `steps` on. */
  readonly end: number
  /** Updates over which it goes from one to the other, in a straight line. */
  readonly steps: number
}

/** data2vec's schedule of the decay (section 4.2), of a step number on the engine. */
export const annealedDecay = (step: tf.Scalar, { start, end, steps }: AnnealedDecayOptions): tf.Scalar =>
  tf.sub(end, tf.mul(end - start, tf.relu(tf.sub(1, tf.div(step, steps))))) as tf.Scalar
