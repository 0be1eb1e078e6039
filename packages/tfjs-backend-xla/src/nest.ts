import { Tensor } from '@tensorflow/tfjs-core'

/** The shape of a nested value with its tensors taken out; equal structures have equal keys. */
export interface Structure {
  readonly key: string
  readonly build: (tensors: readonly Tensor[]) => unknown
}

/** Takes the tensors out of nested arrays and plain objects, depth first; everything else is static. */
export const flatten = (value: unknown): { tensors: Tensor[]; structure: Structure } => {
  const tensors: Tensor[] = []
  const visit = (part: unknown): Structure => {
    if (part instanceof Tensor) {
      const index = tensors.push(part) - 1
      return { key: 'T', build: (all) => all[index] }
    }
    if (Array.isArray(part)) {
      const parts = part.map(visit)
      return { key: `[${parts.map((p) => p.key).join()}]`, build: (all) => parts.map((p) => p.build(all)) }
    }
    if (part !== null && typeof part === 'object') {
      const prototype = Object.getPrototypeOf(part)
      if (prototype !== Object.prototype && prototype !== null) {
        throw new TypeError(
          `jit takes and returns tensors, arrays, plain objects, strings, numbers and booleans, not a ${part.constructor?.name}.`,
        )
      }
      const parts = Object.entries(part).map(([name, inner]) => [name, visit(inner)] as const)
      return {
        key: `{${parts.map(([name, p]) => `${JSON.stringify(name)}:${p.key}`).join()}}`,
        build: (all) => Object.fromEntries(parts.map(([name, p]) => [name, p.build(all)])),
      }
    }
    if (typeof part === 'function' || typeof part === 'symbol')
      throw new TypeError(`jit cannot take a ${typeof part} as an argument.`)
    return {
      key: typeof part === 'string' ? JSON.stringify(part) : `${typeof part}:${String(part)}`,
      build: () => part,
    }
  }
  const structure = visit(value)
  return { tensors, structure }
}

/** Puts tensors back into a structure. */
export const unflatten = (structure: Structure, tensors: readonly Tensor[]): unknown => structure.build(tensors)
