import { describe, expect, it } from 'vitest'
import { Sandbox } from '../install/testing'
import { needsPlugin, testPlugin } from '../pjrt/testing'
import { probePlugin } from './run-probe'

const plugin = { path: '/x/xla_cuda_plugin.so', kind: 'cuda', version: '1.0', source: 'cache' } as const

describe('probePlugin', () => {
  const sandbox = new Sandbox()
  const loaded = `process.send({ step: 'loaded', apiVersion: '0.116', attributes: { xlaVersion: '2' } });`
  const opened = `process.send({ step: 'opened', platform: 'cuda', platformVersion: '13', devices: [] });`
  const computed = `process.send({ step: 'computed' });`

  const probe = (script: string, timeoutMs = 20_000) => {
    const path = sandbox.write('probe.cjs', script)
    return probePlugin(plugin, { speed: false, timeoutMs }, { path, options: [] })
  }

  it('reports a plugin that computes', async () => {
    expect(await probe(`${loaded}${opened}${computed}process.disconnect()`)).toMatchObject({
      path: plugin.path,
      status: 'works',
      error: undefined,
      apiVersion: '0.116',
      xlaVersion: '2',
      platform: 'cuda',
    })
  })

  it('takes a crash for a finding, says when it came, and keeps what was learnt before', async () => {
    expect(await probe(`${loaded}process.kill(process.pid, 'SIGSEGV')`)).toMatchObject({
      status: 'crashed',
      error: 'The process that opened it was ended by SIGSEGV when its devices were opened.',
      apiVersion: '0.116',
    })
    expect(await probe(`process.stderr.write('F0000 Check failed: x\\n'); process.exit(134)`)).toMatchObject({
      status: 'crashed',
      error:
        'The process that opened it ended with code 134 when it was loaded. Its last words:\nF0000 Check failed: x',
    })
  })

  it('explains a crash by what was logged before it', async () => {
    const log = 'Could not load library libcublasLt.so.12. Error: libcublasLt.so.12: cannot open shared object file'
    const { error } = await probe(`${loaded}process.stderr.write('${log}\\n', () => process.exit(1))`)
    expect(error).toMatch(/ended with code 1 when its devices were opened\. libcublasLt\.so\.12, one of NVIDIA/)
  })

  it('adds the reason from the log to a refusal that does not tell it', async () => {
    const log = 'failed call to cuInit: CUDA_ERROR_SYSTEM_NOT_READY: system not yet initialized'
    const refusal = `process.send({ step: 'failed', error: 'No visible GPU devices.' });`
    const report = await probe(`process.stderr.write('${log}\\n');${refusal}process.disconnect()`)
    expect(report).toMatchObject({
      status: 'unusable',
      error: expect.stringMatching(/^No visible .*\n.*nvidia-fabricmanager/),
    })
  })

  it('gives up on a plugin that does not answer', async () => {
    expect(await probe(`${loaded}setInterval(() => {}, 1000)`, 1500)).toMatchObject({
      status: 'timeout',
      error: 'It did not answer within 1.5 s.',
    })
  })

  it.skipIf(!testPlugin)(`opens the CPU's plugin and measures it${needsPlugin}`, async () => {
    const report = await probePlugin(
      { path: testPlugin!, kind: 'cpu', version: undefined, source: 'cache' },
      { speed: true },
    )
    expect(report).toMatchObject({
      status: 'works',
      error: undefined,
      platform: 'cpu',
      devices: [{ index: 0, kind: 'cpu' }],
      stablehloVersion: expect.stringMatching(/^1\.\d+\.\d+$/),
      apiVersion: expect.stringMatching(/^0\.\d+$/),
    })
    const { matmulSize, ...rates } = report.speed!
    for (const [name, rate] of Object.entries(rates)) expect(rate, name).toBeGreaterThan(0)
    expect(matmulSize).toBe(2048)
  })
})
