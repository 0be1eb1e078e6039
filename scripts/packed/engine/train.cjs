const assert = require('node:assert/strict')

/** Fits y = 2 x1 - 3 x2 + 1 by gradient descent in one compiled step; where there is no plugin, checks the error instead. */
exports.train = async ({ tf, findPlugin, jit, PluginNotFoundError, registerXla }) => {
  assert.ok(tf.getGradient('BatchMatMul'), 'gradients are registered in the user’s copy of tfjs-core')
  if (!findPlugin({ device: 'cpu' })) {
    await assert.rejects(registerXla({ device: 'cpu' }), PluginNotFoundError)
    console.log('SKIPPED training: no PJRT plugin on this machine')
    return
  }
  await registerXla({ device: 'cpu' })
  const weight = tf.variable(tf.zeros([2, 1]))
  const bias = tf.variable(tf.zeros([1]))
  const x = tf.randomNormal([128, 2], 0, 1, 'float32', 1)
  const y = tf.add(tf.matMul(x, tf.tensor2d([2, -3], [2, 1])), 1)
  const step = jit((x, y) => {
    const { value, grads } = tf.variableGrads(() => tf.losses.meanSquaredError(y, tf.add(tf.matMul(x, weight), bias)))
    for (const variable of [weight, bias]) variable.assign(tf.sub(variable, tf.mul(grads[variable.name], 0.1)))
    return value
  })
  let loss
  for (let i = 0; i < 100; i++) {
    tf.dispose(loss)
    loss = step(x, y)
  }
  const [final] = await loss.data()
  assert.ok(final < 1e-6, `loss ${final}`)
  const fitted = [...(await weight.data()), ...(await bias.data())]
  for (const [i, wanted] of [2, -3, 1].entries()) assert.ok(Math.abs(fitted[i] - wanted) < 1e-3, `fitted ${fitted}`)
  assert.equal(step.traceCount, 1)
  console.log(`loss ${final.toExponential(1)} after 100 steps of one program`)
}
