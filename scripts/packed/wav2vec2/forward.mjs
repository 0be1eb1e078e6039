import * as core from '@babble/core'
import * as wav2vec2 from '@babble/wav2vec2'
import * as tf from '@tensorflow/tfjs-core'
import { run } from './run.cjs'

await run({ core, wav2vec2, tf })
