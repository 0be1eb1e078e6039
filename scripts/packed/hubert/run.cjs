const assert = require('node:assert/strict')

/** Without any other model package: clusters of MFCC as labels, and masked prediction of them that learns, with the best engine that there is. */
exports.run = async ({ core, hubert, tf }) => {
  const engine = await core.loadEngine({ quiet: true })
  // TensorFlow.js's wasm backend has no kernels for the gradients of convolutions.
  if (engine.backend === 'wasm') await core.loadEngine({ backend: 'cpu', quiet: true })
  const recordings = Array.from({ length: 4 }, (_, i) => {
    const waveform = Float32Array.from({ length: 8000 }, (_, at) =>
      Math.sin(at * (0.05 + 0.1 * ((i + (at >> 11)) % 4))),
    )
    return { path: `${i}.wav`, waveform, samples: waveform.length }
  })
  const frontEnd = core.makeFrontEnd({ type: 'hubert-mfcc' })
  const features = recordings.map(({ waveform }) => frontEnd.extract(waveform, { sampleRate: 16000 }))
  const all = Float32Array.from(features.flatMap(({ data }) => [...data]))
  const { codebook } = await core.kMeans(core.arrayFrames(all, frontEnd.dim), { clusters: 5, seed: 1 })
  const labels = []
  for (const frames of features) labels.push(await codebook.label(frames))

  const config = hubert.hubertTiny({ numClasses: [5], labelRate: 100, numHiddenLayers: 1, convDim: Array(7).fill(16) })
  const model = new hubert.HubertForPreTraining(config)
  const { history } = await new core.Trainer({
    model,
    objective: new hubert.HubertPretrainingObjective(model),
    data: await hubert.hubertPretrainingBatches(recordings, [core.labelsInMemory(labels)], {
      config,
      batchSize: 4,
      seed: 1,
    }),
    optimizer: { learningRate: 1e-3 },
    maxSteps: 6,
    logEvery: 1,
    seed: 1,
  }).run()
  const losses = history.map(({ metrics }) => metrics.loss)
  assert.ok(losses.every(Number.isFinite) && losses.at(-1) < losses[0], `losses ${losses}`)
  console.log(
    `loss ${losses[0].toFixed(3)} to ${losses.at(-1).toFixed(3)} in ${losses.length} steps on ${tf.getBackend()}`,
  )
}
