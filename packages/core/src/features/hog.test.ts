import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readSafetensors } from '../checkpoint/index'
import { ConfigError, DataError } from '../errors'
import { expectClose } from '../testing/index'
import { hog } from './hog'

const [width, height] = [35, 29]
const picture = Uint8Array.from({ length: width * height }, (_, at) => {
  const [y, x] = [Math.floor(at / width), at % width]
  return (7 * x * x + 13 * x * y + 3 * y * y) % 251
})

describe('hog', () => {
  it.each([
    ['default', { width, height }],
    ['small_cells', { width, height, orientations: 6, cellPixels: 5, blockCells: 2 }],
  ] as const)("equals scikit-image's to the last digit of float32: %s", async (name, options) => {
    const path = fileURLToPath(new URL('../../fixtures/front-ends/hog.safetensors', import.meta.url))
    const expected = (await readSafetensors(path)).tensors.get(name)!
    const { data, frames, dim } = hog(options).extract(picture)
    expect([frames, dim]).toEqual([1, expected.shape[0]])
    expectClose(data, expected.data as Float32Array, { relative: 0, absolute: 3e-8 })
  })

  it('gives a frame of video one row, each as if alone', () => {
    const frontEnd = hog({ width, height })
    const turned = picture.slice().reverse()
    const both = frontEnd.extract(Uint8Array.of(...picture, ...turned))
    expect(both.frames).toBe(2)
    expect(both.data.subarray(0, both.dim)).toEqual(frontEnd.extract(picture).data)
    expect(both.data.subarray(both.dim)).toEqual(frontEnd.extract(turned).data)
  })

  it('votes for the direction of the gradient: an edge between left and right is at 0 degrees', () => {
    const edge = Uint8Array.from({ length: 24 * 24 }, (_, at) => (at % 24 < 12 ? 10 : 200))
    const { data } = hog({ width: 24, height: 24 }).extract(edge)
    // The middle column of cells sees the edge, bin 0 of 9; by hand: three equal values, clipped at 0.2 and normalised again.
    const expected = Array.from({ length: 81 }, (_, i) => (i % 27 === 9 ? 1 / Math.sqrt(3) : 0))
    expectClose(data, expected, { relative: 0, absolute: 1e-6 })
  })

  it('is zero for a flat picture, and does not feel brightness', () => {
    expect(
      hog({ width: 24, height: 24 })
        .extract(new Uint8Array(576).fill(7))
        .data.every((value) => value === 0),
    ).toBe(true)
    const brighter = Float32Array.from(picture, (value) => 3 * value + 100)
    expectClose(hog({ width, height }).extract(brighter).data, hog({ width, height }).extract(picture).data)
  })

  it('has 8,100 numbers for a mouth of 96 x 96 pixels', () => expect(hog({ width: 96, height: 96 }).dim).toBe(8100))

  it('refuses frames smaller than a block, and pixels that are no whole frame', () => {
    expect(() => hog({ width: 23, height: 24 })).toThrow(ConfigError)
    expect(() => hog({ width: 24, height: 24, cellPixels: 0 })).toThrow(/cellPixels is 0/)
    const frontEnd = hog({ width: 24, height: 24 })
    expect(() => frontEnd.extract(new Uint8Array(600), { file: 'a.mp4' })).toThrow(/^a\.mp4: 600 pixels/)
    expect(() => frontEnd.extract(new Uint8Array(0))).toThrow(DataError)
    expect(() => frontEnd.extract(new Float32Array(576).fill(Number.NaN))).toThrow(DataError)
  })
})
