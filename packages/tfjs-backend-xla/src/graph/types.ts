/** Element types that the graph works in, named as StableHLO prints them. */
export type ElementType = 'f32' | 'bf16' | 'f64' | 'i32' | 'i64' | 'u32' | 'u8' | 'i1'

export interface TensorType {
  readonly element: ElementType
  readonly shape: readonly number[]
}

/** Prints a tensor type, e.g. `tensor<2x3xf32>`. */
export const printType = ({ element, shape }: TensorType): string =>
  `tensor<${shape.map((n) => `${n}x`).join('')}${element.startsWith('u') ? `u${element.replace('u', 'i')}` : element}>`

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1)

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i])

export const isInteger = (element: ElementType): boolean => element !== 'i1' && /^[iu]/.test(element)
export const isFloat = (element: ElementType): boolean => element === 'f32' || element === 'bf16' || element === 'f64'

/** The TensorFlow.js dtype that tensors of an element type have, and the other way round. */
export const tfDtype = (element: ElementType): 'float32' | 'int32' | 'bool' => {
  if (element === 'f32') return 'float32'
  if (element === 'i32') return 'int32'
  if (element === 'i1') return 'bool'
  throw new TypeError(`no TensorFlow.js dtype stands for ${element}; convert the value before it leaves the kernel.`)
}

export const elementOf = (dtype: string): ElementType => {
  if (dtype === 'float32') return 'f32'
  if (dtype === 'int32') return 'i32'
  if (dtype === 'bool') return 'i1'
  throw new TypeError(`the xla backend holds float32, int32 and bool tensors, not ${dtype}.`)
}
