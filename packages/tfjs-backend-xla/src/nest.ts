import { Tensor } from '@tensorflow/tfjs-core'

/** The shape of a nested value with its tensors taken out; equal structures have equal keys. */
export interface Structure {
  readonly key: string
  readonly build: (tensors: readonly Tensor[]) => unknown
}

/** A nested value taken apart. */
export interface Flat {
  readonly tensors: Tensor[]
  /** Where each tensor is, as `.hidden[0]`; empty for a value that is a tensor itself. */
  readonly paths: readonly string[]
  readonly structure: Structure
}

/** A number, string, boolean, bigint, null or undefined as part of a key: equal only for equal values. */
const staticKey = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(value)
  return Object.is(value, -0) ? 'number:-0' : `${typeof value}:${String(value)}`
}

/**
 * Takes the tensors out of nested arrays and plain objects, depth first; everything else is static.
 *
 * @param where What holds the value, for messages: `jit`, `the carry of scan`.
 */
export const flatten = (value: unknown, where = 'jit'): Flat => {
  const tensors: Tensor[] = []
  const paths: string[] = []
  const refuse = (what: string, path: string, cure: string): never => {
    throw new TypeError(
      `${where} holds tensors, arrays, plain objects, strings, numbers, booleans and null, not ${what}${path ? ` (at ${path})` : ''}: ${cure}.`,
    )
  }
  const visit = (part: unknown, path: string): Structure => {
    if (part instanceof Tensor) {
      const index = tensors.push(part) - 1
      paths.push(path)
      return { key: 'T', build: (all) => all[index] }
    }
    if (Array.isArray(part)) {
      const parts = part.map((inner, i) => visit(inner, `${path}[${i}]`))
      return { key: `[${parts.map((p) => p.key).join()}]`, build: (all) => parts.map((p) => p.build(all)) }
    }
    if (ArrayBuffer.isView(part)) return refuse(`a ${part.constructor.name}`, path, 'make it a tensor')
    if (part instanceof Promise) return refuse('a promise', path, 'await it outside')
    if (part !== null && typeof part === 'object') {
      const prototype = Object.getPrototypeOf(part)
      if (prototype !== Object.prototype && prototype !== null)
        return refuse(`a ${part.constructor?.name}`, path, 'pass its tensors and options in a plain object')
      // In the order of names, so that objects that differ only in the order of their properties are one structure.
      const names = Object.keys(part)
      const sorted = [...names].sort()
      const parts = new Map(
        sorted.map((name) => [name, visit((part as Record<string, unknown>)[name], `${path}.${name}`)]),
      )
      return {
        key: `{${sorted.map((name) => `${JSON.stringify(name)}:${parts.get(name)!.key}`).join()}}`,
        build: (all) => Object.fromEntries(names.map((name) => [name, parts.get(name)!.build(all)])),
      }
    }
    if (typeof part === 'function' || typeof part === 'symbol')
      return refuse(`a ${typeof part}`, path, 'let the function close over it instead')
    return { key: staticKey(part), build: () => part }
  }
  const structure = visit(value, '')
  return { tensors, paths, structure }
}

/** Puts tensors back into a structure. */
export const unflatten = (structure: Structure, tensors: readonly Tensor[]): unknown => structure.build(tensors)
