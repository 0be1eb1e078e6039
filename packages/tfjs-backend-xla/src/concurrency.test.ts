import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findPlugin } from './index'

/** Trains a linear model, eagerly evaluates it, and reports its weights and the host thread it ran on. */
const program = `
  import './gradients'
  import * as tf from '@tensorflow/tfjs-core'
  import { isMainThread, parentPort } from 'node:worker_threads'
  import { jit, registerXla } from './index'
  await registerXla({ device: 'cpu' })
  const w = tf.variable(tf.zeros([3, 1]))
  const x = tf.randomNormal([64, 3], 0, 1, 'float32', 7)
  const y = tf.matMul(x, tf.tensor2d([1, -2, 3], [3, 1]))
  const step = jit((rate) => {
    const { value, grads } = tf.variableGrads(() => tf.losses.meanSquaredError(y, tf.matMul(x, w)), [w])
    w.assign(tf.sub(w, tf.mul(grads[w.name], rate)))
    return value
  })
  for (let i = 0; i < 200; i++) await step(tf.scalar(0.1)).data()
  const weights = Array.from(tf.round(w).dataSync())
  const thread = isMainThread ? 'main' : 'worker'
  if (parentPort) parentPort.postMessage({ thread, weights })
  else console.log(JSON.stringify({ thread, weights }))
`

describe.skipIf(!findPlugin({ device: 'cpu' }))('the xla backend in several places at once', () => {
  let folder: string
  let file: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'babble-'))
    file = join(folder, 'program.mjs')
    const here = import.meta.url
    await build({
      stdin: { contents: program, resolveDir: dirname(fileURLToPath(here)) },
      outfile: file,
      bundle: true,
      platform: 'node',
      format: 'esm',
      ignoreAnnotations: true,
      mainFields: ['module', 'main'],
      external: ['koffi'],
      define: { 'import.meta.url': JSON.stringify(here) },
      banner: {
        js: `import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(${JSON.stringify(here)})`,
      },
    })
  })
  afterAll(() => rm(folder, { recursive: true }))

  const inProcess = async () => {
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
    return JSON.parse(text) as unknown
  }
  const inWorker = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(file, { execArgv: [] })
      worker.once('message', (message) => worker.once('exit', () => resolve(message)))
      worker.once('error', reject)
    })

  it('trains in worker threads, two at a time and one after another', async () => {
    const result = { thread: 'worker', weights: [1, -2, 3] }
    expect(await Promise.all([inWorker(), inWorker()])).toEqual([result, result])
    expect(await inWorker()).toEqual(result)
  })

  it('trains in several processes that use one plugin at the same time', async () => {
    const result = { thread: 'main', weights: [1, -2, 3] }
    expect(await Promise.all([inProcess(), inProcess(), inProcess()])).toEqual([result, result, result])
  })
})
