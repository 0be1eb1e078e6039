import { findPlugin, jit, PluginNotFoundError, registerXla } from '@babble/tfjs-backend-xla'
import '@babble/tfjs-backend-xla/gradients'
import * as tf from '@tensorflow/tfjs-core'
import { train } from './train.cjs'

await train({ tf, findPlugin, jit, PluginNotFoundError, registerXla })
