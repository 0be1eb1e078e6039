import type { Trace } from '../trace'

/** A tensor was read on the host while a program was being recorded, where it has no value yet. */
export class HostReadError extends Error {
  override readonly name = 'HostReadError'
}

/** A function was traced more often than it was allowed to. */
export class TooManyTracesError extends Error {
  override readonly name = 'TooManyTracesError'
}

/** `file:line:column` of a line of a stack: in parentheses after the function's name, or alone. */
const locationOf = (frame: string): string | undefined =>
  /\((\S.*:\d+:\d+)\)$/.exec(frame)?.[1] ?? /^\s*at (?:async )?(\S.*:\d+:\d+)$/.exec(frame)?.[1]

/** TensorFlow.js's files as they are installed, and as source maps name them. */
const tensorFlowJs =
  /@tensorflow[/+]tfjs|\/tslib\/|\btfjs-(?:core|layers|data|converter|backend-(?:cpu|wasm|webgl))\/src\//

/** The folder of this package's code (`…/src/` or `…/dist/`), from a stack that begins in this file. */
const packageFolder = (stack: string): string | undefined => {
  const own = locationOf(stack.split('\n')[1] ?? '')
  return own && /^(.*\/(?:src|dist)\/)/.exec(own)?.[1]
}

/** The file and line that the caller of this package is at: the first frame outside of it and of TensorFlow.js. */
export const callerLine = (): string | undefined => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 100
  const stack = new Error().stack ?? ''
  Error.stackTraceLimit = limit
  const folder = packageFolder(stack)
  for (const frame of stack.split('\n').slice(1)) {
    const location = locationOf(frame)
    if (!location || location.startsWith('node:') || tensorFlowJs.test(location)) continue
    if (folder && location.startsWith(folder) && !/\.test\.[cm]?[jt]s/.test(location)) continue
    return location.replace(/^file:\/\//, '')
  }
  return undefined
}

/** The error of a read inside `trace`, which also remembers it. */
export const hostRead = (trace: Trace): HostReadError => {
  const line = callerLine()
  const error = new HostReadError(
    `a tensor is read on the host inside ${trace.label}, where values are only being recorded${line ? `, at ${line}` : ''}. ` +
      'Return the tensor and read it outside, or decide on the device: tf.where or a mask in place of a branch, cond or whileLoop of this package.',
  )
  trace.refusedRead = error
  return error
}
