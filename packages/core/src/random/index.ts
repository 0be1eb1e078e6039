export { HostRng } from './host-rng'
export { Rng, rngKey, rngKeyValues } from './rng'
export { threefry2x32 } from './threefry'
