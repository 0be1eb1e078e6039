import * as core from '@babble/core'
import * as hubert from '@babble/hubert'
import * as tf from '@tensorflow/tfjs-core'
import { run } from './run.cjs'

await run({ core, hubert, tf })
