import { describe, expect, it } from 'vitest'
import { XlaError } from './errors'
import { parseSignature } from './signature'

describe('parseSignature', () => {
  it('reads types and shapes of all arguments', () => {
    const text = `module @m {
      func.func private @helper(%x: tensor<9xf64>) -> tensor<9xf64> { return %x : tensor<9xf64> }
      func.func public @main(%arg0: tensor<2x3xf32>, %flag : tensor<i1>,
        %bytes: tensor<0x4xui8>, %z: tensor<5xcomplex<f32>>) -> (tensor<f32>) {`
    expect(parseSignature(text)).toEqual({
      inputs: [
        { type: 'f32', dims: [2, 3] },
        { type: 'i1', dims: [] },
        { type: 'u8', dims: [0, 4] },
        { type: 'c64', dims: [5] },
      ],
      donated: [],
    })
  })

  it('reads a program without arguments', () => {
    expect(parseSignature('func.func @main() -> tensor<f32> {').inputs).toEqual([])
  })

  it('finds donated arguments among other attributes, brackets and quotes', () => {
    const text = `func.func @main(%a: tensor<4xbf16> {mhlo.sharding = "{devices=[2]<=[2], \\")", tf.aliasing_output = 0 : i32},
      %b: tensor<4xbf16> {jax.buffer_donor = false}, %c: tensor<4xbf16> {jax.buffer_donor = true, note = "a, b"},
      %d: tensor<4xbf16> loc("file.py":1:2))`
    const { inputs, donated } = parseSignature(text)
    expect(inputs).toEqual(Array(4).fill({ type: 'bf16', dims: [4] }))
    expect(donated).toEqual([0, 2])
  })

  it.each([
    ['no @main', 'func.func @other() {'],
    ['an unclosed list', 'func.func @main(%a: tensor<f32>'],
    ['a dynamic shape', 'func.func @main(%a: tensor<?xf32>) {'],
    ['a type no buffer has', 'func.func @main(%a: tensor<4xi7>) {'],
    ['an argument that is no tensor', 'func.func @main(%a: !stablehlo.token) {'],
  ])('refuses %s', (_, text) => {
    expect(() => parseSignature(text)).toThrow(XlaError)
  })
})
