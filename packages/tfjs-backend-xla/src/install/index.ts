export { cacheDirectory } from './cache'
export { DEVICE_KINDS, type DeviceKind } from './catalogue'
export {
  type FindPluginOptions,
  findPlugin,
  findPlugins,
  installHint,
  type PluginInfo,
  type PluginSource,
  suggestedInstall,
} from './discover'
export { PluginInstallError, PluginNotFoundError } from './errors'
export { hasNvidiaGpu, isPresent } from './hardware'
export { type InstallOptions, type InstallProgress, installPlugin } from './install'
