import { describe, expect, it } from 'vitest'
import { makeBlock } from './block'
import { Graph, type Node, withOrigin } from './graph'
import { Hlo } from './hlo'
import { printProgram } from './print'
import type { TensorType } from './types'

const f32: TensorType = { element: 'f32', shape: [2] }

const loop = (h: Hlo, x: Node, limit: number): Node[] =>
  h.whileLoop(
    [h.constant(0, 'i32'), x],
    (inner, [i]) => inner.compare('LT', i!, inner.constant(limit, 'i32')),
    (inner, [i, v]) => [inner.add(i!, inner.constant(1, 'i32')), inner.add(v!, v!)],
  )

const branchOf = (build: (h: Hlo, x: Node) => Node) => {
  const h = new Hlo(new Graph())
  const x = h.graph.parameter({}, f32)
  return makeBlock([x], [build(h, x)])
}

describe('blocks', () => {
  it('make equal loops one node, and different ones two', () => {
    const h = new Hlo(new Graph())
    const x = h.graph.parameter({}, f32)
    expect(loop(h, x, 3)[1]).toBe(loop(h, x, 3)[1])
    expect(loop(h, x, 3)[1]).not.toBe(loop(h, x, 4)[1])
    // The signature of a block covers the blocks inside it.
    const outer = (limit: number) =>
      h.whileLoop(
        [x],
        (inner) => inner.constant(0, 'i1'),
        (inner, [v]) => [loop(inner, v!, limit)[1]!],
      )
    expect(outer(3)[0]).toBe(outer(3)[0])
    expect(outer(3)[0]).not.toBe(outer(4)[0])
  })

  it('show passes what is inside: nodes of their own, with the origin of what recorded them', () => {
    const h = new Hlo(new Graph('step'))
    const [, result] = withOrigin(h.graph, 'Ctc', () => loop(h, h.graph.parameter({}, f32), 3)) as [Node, Node]
    const { regions, origin } = result.inputs[0]!
    expect([regions!.map(({ outputs }) => outputs.map(({ op }) => op)), origin]).toEqual([
      [['stablehlo.compare'], ['stablehlo.add', 'stablehlo.add']],
      'step/Ctc',
    ])
    expect(regions![1]!.outputs[0]!.origin).toBe('step/Ctc')
  })

  it('must declare every parameter that they read', () => {
    const h = new Hlo(new Graph())
    const [a, b] = [h.graph.parameter({}, f32), h.graph.parameter({}, f32)]
    expect(() => makeBlock([a], [h.add(a, b)])).toThrow(/not among those it declares/)
  })

  it('print values under names of their own; branches name the values around them', () => {
    const h = new Hlo(new Graph())
    const x = h.graph.parameter({}, f32)
    const index = h.graph.parameter({}, { element: 'i32', shape: [] })
    const [inner] = h.branch(index, [x], [branchOf((b, v) => b.add(v, v)), branchOf((b, v) => loop(b, v, 2)[1]!)])
    const { text } = printProgram([loop(h, inner!, 3)[1]!], { parameters: [index, x] })
    expect(text).toMatch(/"stablehlo.case"\(%arg0\) \(\{\n\s+%\d+ = "stablehlo.add"\(%arg1, %arg1\)/)
    const defined = [...text.matchAll(/(%\d+)(?::\d+)? = |(%\d+): tensor/g)].map(([, op, parameter]) => op ?? parameter)
    expect(defined.length).toBeGreaterThan(15)
    expect(new Set(defined).size).toBe(defined.length)
  })

  it('must agree with the op that they belong to', () => {
    const h = new Hlo(new Graph())
    const x = h.graph.parameter({}, f32)
    const index = h.graph.parameter({}, { element: 'i32', shape: [] })
    const wrong = () =>
      h.whileLoop(
        [x],
        (inner) => inner.constant(0, 'i1'),
        (inner, [v]) => [inner.sum(v!, [0])],
      )
    expect(wrong).toThrow(/the body returns \(tensor<f32>\) where the loop's values are \(tensor<2xf32>\)/)
    const sum = branchOf((b, v) => b.sum(v, [0]))
    expect(() => h.branch(index, [x], [branchOf((_, v) => v), sum])).toThrow(/one branch returns \(tensor<2xf32>\)/)
  })
})
