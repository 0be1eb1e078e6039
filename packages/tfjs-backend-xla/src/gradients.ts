/** Registers TensorFlow.js's own gradient functions (the published `tfjs-core` entry leaves them out). */
// First, so that the engine and its tensors are those of this package even where the next one is a bundled copy.
import '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-core/dist/register_all_gradients.js'
