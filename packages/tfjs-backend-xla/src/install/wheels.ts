/**
 * @internal Fetching and unpacking wheels, shared with `@babble/core`, which builds tfjs-node's addon against TensorFlow's.
 * Not part of the published interface: it may change in any version.
 */
export { formatBytes } from './format'
export { CUDA12 } from './pins/cuda12'
export { downloadWheel, findPip, type PipCommand } from './pip'
export { glibcVersion } from './platform'
export { unpackZip } from './unpack'
export type { Target, Wheel, WheelFile } from './wheel'
