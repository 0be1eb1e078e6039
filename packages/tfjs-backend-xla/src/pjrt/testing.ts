import { findPlugin } from '../install/index'
import type { TensorSpec } from './element-type'

/** @internal The CPU plugin that tests run on, if this machine has one. */
export const testPlugin: string | undefined = findPlugin({ device: 'cpu' })?.path

/** @internal Appended to the names of tests that need it, so that a skipped test tells why. */
export const needsPlugin = testPlugin ? '' : ' (skipped: needs a PJRT plugin, see `npx tfjs-xla install cpu`)'

/** @internal */
export function f32(...dims: number[]): TensorSpec {
  return { type: 'f32', dims }
}

/** @internal A program that adds two vectors; with `donate`, into the memory of the first. */
export function addProgram(length: number, donate = false): string {
  const type = `tensor<${length}xf32>`
  return `module @add {
    func.func public @main(%a: ${type}${donate ? ' {tf.aliasing_output = 0 : i32}' : ''}, %b: ${type}) -> ${type} {
      %sum = stablehlo.add %a, %b : ${type}
      return %sum : ${type}
    }
  }`
}
