import { readFileSync } from 'node:fs'
import process from 'node:process'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlugin } from '../install/index'
import { findMapping } from './huge-pages'
import { PjrtClient } from './index'

const MAPS = `\
00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/node
7f0000000000-7f0008001000 rw-p 00000000 00:00 0
7f1000000000-7f1040000000 rw-p 00000000 00:00 0                          [heap]
7f2000000000-7f2010001000 rw-p 00000000 00:00 0
`

describe('finding the scratch memory of a program', () => {
  it('takes the anonymous mapping that is just large enough', () => {
    expect(findMapping(128 * 2 ** 20, MAPS)).toBe(0x7f0000000000n)
    expect(findMapping(256 * 2 ** 20, MAPS)).toBe(0x7f2000000000n)
  })

  it('takes nothing where none fits', () => {
    expect(findMapping(64 * 2 ** 20, MAPS)).toBe(0n)
    expect(findMapping(2 ** 30, MAPS)).toBe(0n)
  })
})

const plugin = findPlugin({ device: 'cpu' })
const enabled =
  process.platform === 'linux' &&
  readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'latin1').includes('[madvise]')

describe.skipIf(!plugin || !enabled)('a program with much scratch memory', () => {
  let client: PjrtClient
  beforeAll(() => {
    client = PjrtClient.create(plugin!.path)
    return () => client.dispose()
  })

  it('touches fewer pages than it has of 4 KiB', async () => {
    // A sort cannot be done in place and is not fused: 256 MiB for what goes into it, and as much for what comes out.
    const type = 'tensor<4x16777216xf32>'
    const program = `module @scratch { func.func public @main(%x: tensor<f32>) -> tensor<4x1xf32> {
      %i = "stablehlo.iota"() <{iota_dimension = 1 : i64}> : () -> ${type}
      %b = "stablehlo.broadcast_in_dim"(%x) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> ${type}
      %y = "stablehlo.multiply"(%i, %b) : (${type}, ${type}) -> ${type}
      %z = "stablehlo.reverse"(%y) <{dimensions = array<i64: 0>}> : (${type}) -> ${type}
      %o = "stablehlo.optimization_barrier"(%z) : (${type}) -> ${type}
      %r = "stablehlo.slice"(%o) <{start_indices = array<i64: 0, 5>, limit_indices = array<i64: 4, 6>, strides = array<i64: 1, 1>}> : (${type}) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    } }`
    const executable = client.compile(program, [{ type: 'f32', dims: [4, 1] }])
    const pages = executable.memoryStats().temporaries / 4096
    expect(pages).toBeGreaterThan(32_768)
    const x = client.bufferFromHost(new Float32Array([2]), { type: 'f32', dims: [] })
    const run = async () => {
      const before = process.resourceUsage().minorPageFault
      const [result] = executable.execute([x])
      expect([...new Float32Array(await result!.readAsync())]).toEqual([10, 10, 10, 10])
      return process.resourceUsage().minorPageFault - before
    }
    // The first pages may be touched before the memory is found.
    const faults = [await run(), await run(), await run(), await run()]
    expect(Math.min(...faults)).toBeLessThan(pages / 2)
  })
})
