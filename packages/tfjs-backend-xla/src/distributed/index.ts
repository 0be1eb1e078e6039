export { type ConnectOptions, connectKeyValueStore, type KeyValueStore } from './connect'
export { type ProcessGroup, processGroupFromEnvironment } from './launcher'
