const core = require('@babble/core')
const hubert = require('@babble/hubert')
const tf = require('@tensorflow/tfjs-core')
const { run } = require('./run.cjs')

run({ core, hubert, tf }).catch((error) => {
  console.error(error)
  process.exit(1)
})
