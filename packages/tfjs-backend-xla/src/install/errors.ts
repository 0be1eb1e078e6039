/** A PJRT plugin could not be installed; the message says what to do. */
export class PluginInstallError extends Error {
  override readonly name = 'PluginInstallError'
}

/** A PJRT plugin was named that is not there; the message says where it was looked for. */
export class PluginNotFoundError extends Error {
  override readonly name = 'PluginNotFoundError'
}
