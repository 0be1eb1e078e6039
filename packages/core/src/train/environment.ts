import { arch, cpus, hostname, platform, release, totalmem } from 'node:os'
import * as tf from '@tensorflow/tfjs-core'

/** What a run runs on: for the run's folder, so that a result can be traced to its machine and software. */
export const describeEnvironment = (): Record<string, unknown> => ({
  engine: tf.getBackend(),
  tfjs: tf.version_core,
  node: process.versions.node,
  platform: `${platform()} ${release()} ${arch()}`,
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
  host: hostname(),
})
