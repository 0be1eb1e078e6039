const core = require('@babble/core')
const wav2vec2 = require('@babble/wav2vec2')
const tf = require('@tensorflow/tfjs-core')
const { run } = require('./run.cjs')

run({ core, wav2vec2, tf }).catch((error) => {
  console.error(error)
  process.exit(1)
})
