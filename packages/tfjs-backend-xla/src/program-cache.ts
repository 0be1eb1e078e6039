import type { TensorType } from './graph/types'
import type { Partitioning, PjrtExecutable } from './pjrt/index'

interface CachedProgram {
  readonly executable: PjrtExecutable
  /** Callers that hold on to it; the others ask for it each time. */
  users: number
}

/** Turns StableHLO text into an executable; `outputs` are the types of its results. */
export type Compile = (text: string, outputs: readonly TensorType[], partitioning?: Partitioning) => PjrtExecutable

/**
 * Compiled programs by their text. Those that nobody holds are kept in case they are wanted again, up to a number:
 * beyond it the one that has not been used for the longest time is freed, so that ever new shapes do not fill the memory.
 */
export class ProgramCache {
  /** In order of last use. */
  readonly #programs = new Map<string, CachedProgram>()
  readonly #compile: Compile
  readonly #idleLimit: number
  #idle = 0
  #compileCount = 0

  constructor(compile: Compile, idleLimit: number) {
    this.#compile = compile
    this.#idleLimit = idleLimit
  }

  /** Programs compiled so far. */
  get compileCount(): number {
    return this.#compileCount
  }

  /** Programs that are held or kept. */
  get size(): number {
    return this.#programs.size
  }

  /** The program for `text`, kept for its caller until it is released. */
  acquire(text: string, outputs: readonly TensorType[], partitioning?: Partitioning): PjrtExecutable {
    const program = this.#find(text, outputs, partitioning)
    if (program.users++ === 0) this.#idle--
    return program.executable
  }

  /** Says that one holder of a program is done with it. */
  release(text: string): void {
    const program = this.#programs.get(text)
    if (!program || program.users === 0) return
    program.users--
    this.#touch(text, program)
    if (program.users > 0) return
    this.#idle++
    this.#shrink()
  }

  /** The program for `text`, for one run now. */
  use(text: string, outputs: readonly TensorType[]): PjrtExecutable {
    const program = this.#find(text, outputs)
    this.#touch(text, program)
    this.#shrink()
    return program.executable
  }

  clear(): void {
    for (const { executable } of this.#programs.values()) executable.dispose()
    this.#programs.clear()
    this.#idle = 0
  }

  #find(text: string, outputs: readonly TensorType[], partitioning?: Partitioning): CachedProgram {
    const known = this.#programs.get(text)
    if (known) return known
    const program = { executable: this.#compile(text, outputs, partitioning), users: 0 }
    this.#compileCount++
    this.#programs.set(text, program)
    this.#idle++
    return program
  }

  #touch(text: string, program: CachedProgram): void {
    this.#programs.delete(text)
    this.#programs.set(text, program)
  }

  #shrink(): void {
    if (this.#idle <= this.#idleLimit) return
    for (const [text, { executable, users }] of this.#programs) {
      if (users > 0) continue
      executable.dispose()
      this.#programs.delete(text)
      if (--this.#idle <= this.#idleLimit) return
    }
  }
}
