const assert = require('node:assert/strict')

/** A tiny model: forward on a second of noise with the best engine that there is, and a gradient down to its first layer. */
exports.run = async ({ core, wav2vec2, tf }) => {
  const engine = await core.loadEngine({ quiet: true })
  const config = wav2vec2.wav2vec2Tiny()
  const model = new wav2vec2.Wav2Vec2Model(config)
  const inputValues = tf.randomNormal([2, 16000], 0, 1, 'float32', 1)
  const forward = core.compile((inputValues) => model.forward({ inputValues }).lastHiddenState)
  const hidden = forward(inputValues)
  assert.deepEqual(hidden.shape, [2, wav2vec2.frameCount(config, 16000), config.hiddenSize])
  const values = await hidden.data()
  assert.ok(values.every(Number.isFinite) && values.some((value) => value !== 0))

  // TensorFlow.js's wasm backend has no kernels for the gradients of convolutions.
  if (engine.backend === 'wasm') await core.loadEngine({ backend: 'cpu', quiet: true })
  const [name, weight] = [...model.namedParameters()].find(([name]) => name.startsWith('feature_extractor.'))
  const norms = core.compile((inputValues) => {
    const loss = () => tf.mean(tf.square(model.forward({ inputValues }).lastHiddenState))
    return tf.norm(tf.variableGrads(loss, [weight]).grads[weight.name])
  })
  const [norm] = await norms(inputValues).data()
  assert.ok(Number.isFinite(norm) && norm > 0, `gradient of ${name}: ${norm}`)
  console.log(`${model.parameterCount()} parameters, forward on ${engine.backend}, gradient on ${tf.getBackend()}`)
}
