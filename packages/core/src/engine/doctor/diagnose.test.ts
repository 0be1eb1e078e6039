import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { adviseEngines } from './advice'
import { diagnoseEngines } from './diagnose'
import { printEngines } from './print'
import type { EngineFinding } from './report'

/** Answers a probe as the engine's name has it. */
const program = `
const engine = process.argv[3]
const answer = (finding) => process.send({ engine, ...finding }, () => process.exit(0))
if (engine === 'wasm') answer({ status: 'works', description: 'the portable one', device: 'cpu', startMs: 1500 })
else if (engine === 'cpu') answer({ status: 'unusable', error: 'out of order' })
else if (engine === 'tfjs-node') { console.error('a reason'); process.kill(process.pid, 'SIGSEGV') }
else setInterval(() => {}, 1000)
`

describe('diagnoseEngines', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'babble-doctor-'))
    writeFileSync(join(folder, 'program.mjs'), program)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('makes a finding of an engine that crashes or hangs, and takes the first that works', async () => {
    const diagnosis = await diagnoseEngines({
      engines: ['tfjs-node-gpu', 'tfjs-node', 'wasm', 'cpu'],
      seconds: 0,
      patienceMs: 3000,
      program: join(folder, 'program.mjs'),
    })
    expect(diagnosis.engines.map(({ engine, status }) => [engine, status])).toEqual([
      ['tfjs-node-gpu', 'timeout'],
      ['tfjs-node', 'crashed'],
      ['wasm', 'works'],
      ['cpu', 'unusable'],
    ])
    expect(diagnosis.engines[1]!.error).toMatch(/SIGSEGV[\s\S]*a reason/)
    expect(diagnosis.taken).toBe('wasm')
    const text = printEngines(diagnosis)
    expect(text).toMatch(/\* wasm +works +the portable one, started in 1\.5 s/)
    expect(text).toMatch(/loadEngine\(\) takes wasm/)
    expect(text).toMatch(/tfjs-node is here and does not load: .*--force/)
  })
})

describe('adviseEngines', () => {
  const speed = (conv1d: number) => ({ matmul: 100, matmulSize: 512, conv1d, conv1dSteps: 512 })
  const xla: EngineFinding = { engine: 'xla', status: 'works', device: 'cpu', speed: speed(100) }
  const none = { nvidia: false, measured: true }

  it('has nothing to say where the engine taken is the fastest', () => {
    const slower: EngineFinding = { engine: 'tfjs-node', status: 'works', device: 'cpu', speed: speed(110) }
    expect(adviseEngines({ ...none, findings: [xla, slower], taken: 'xla' }, [])).toEqual([])
  })

  it('names an engine that was clearly faster than the one taken', () => {
    const faster: EngineFinding = { engine: 'tfjs-node', status: 'works', device: 'cpu', speed: speed(200) }
    expect(adviseEngines({ ...none, findings: [xla, faster], taken: 'xla' }, [])).toEqual([
      expect.stringContaining("loadEngine({ backend: 'tfjs-node' })"),
    ])
  })

  it('puts what the xla engine advises first, then how else to get a fast one', () => {
    const findings: EngineFinding[] = [
      { engine: 'xla', status: 'absent' },
      { engine: 'tfjs-node-gpu', status: 'absent' },
      { engine: 'tfjs-node', status: 'absent' },
      { engine: 'wasm', status: 'works', device: 'cpu' },
    ]
    const advice = adviseEngines({ nvidia: true, measured: false, findings, taken: 'wasm' }, ['Install a plugin.'])
    expect(advice[0]).toBe('Install a plugin.')
    expect(advice[1]).toContain('build tfjs-node --gpu')
    expect(advice[2]).toContain('build tfjs-node`')
  })
})
