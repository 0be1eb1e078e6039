import { callerLine } from '../../jit/errors'
import type { Trace } from '../../trace'
import { HOST_REASONS, type HostReason } from './catalogue'

/** A kernel that runs on the host was called while a program was being recorded, where there are no values yet. */
export class HostKernelError extends Error {
  override readonly name = 'HostKernelError'

  constructor(
    /** The TensorFlow.js kernel, e.g. `Unique`. */
    readonly kernelName: string,
    reason: HostReason,
    trace: Trace,
  ) {
    const { because, instead } = HOST_REASONS[reason]
    const line = callerLine()
    super(`${kernelName} cannot be part of ${trace.label}${line ? `, at ${line}` : ''}, because ${because}. ${instead}`)
  }
}
