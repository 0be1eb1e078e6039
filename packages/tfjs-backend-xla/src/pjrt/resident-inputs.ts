import type { PjrtBuffer } from './buffer'
import type { HandleOwner } from './handle'

/**
 * Inputs of a program that are the same buffer objects in each call: what they read, and what they become where the program takes their
 * memory over and a result continues it. They go from call to call as a few words of memory, without being looked at one by one.
 */
export class ResidentInputs {
  private readonly handles: HandleOwner
  private readonly buffers: readonly (PjrtBuffer | undefined)[]
  /** The inputs' indices, and the slots of their buffers. */
  private readonly indices: Int32Array
  private readonly slots: Int32Array
  /** The results that continue an input, and the slots of those inputs' buffers. */
  private readonly results: Int32Array
  private readonly continued: Int32Array
  /** The results that continue no input. */
  readonly newResults: readonly number[]

  /**
   * @param buffers By input; the others differ from call to call.
   * @param continues Of each result, the input that it continues, or -1.
   */
  constructor(handles: HandleOwner, buffers: readonly (PjrtBuffer | undefined)[], continues: Int32Array) {
    this.handles = handles
    this.buffers = buffers
    const slotOf = (index: number) => buffers[index]!.slot
    this.indices = Int32Array.from(buffers.keys()).filter((index) => buffers[index])
    this.slots = this.indices.map(slotOf)
    this.results = Int32Array.from(continues.keys()).filter((result) => continues[result]! >= 0)
    this.continued = this.results.map((result) => slotOf(continues[result]!))
    this.newResults = [...continues.keys()].filter((result) => continues[result]! < 0)
  }

  /** One of them. */
  get any(): PjrtBuffer {
    return this.buffers[this.indices[0]!]!
  }

  /** Writes their pointers into a program's list of inputs. */
  enter(inputs: Uint32Array): void {
    this.handles.pointers.copyOut(this.slots, inputs, this.indices)
  }

  /** Lets them stand for the results that continue them. */
  renew(results: Uint32Array): void {
    this.handles.replace(this.continued, results, this.results)
  }
}
