require('@babble/tfjs-backend-xla/gradients')
const { findPlugin, jit, PluginNotFoundError, registerXla } = require('@babble/tfjs-backend-xla')
const tf = require('@tensorflow/tfjs-core')
const { train } = require('./train.cjs')

train({ tf, findPlugin, jit, PluginNotFoundError, registerXla }).catch((error) => {
  console.error(error)
  process.exit(1)
})
