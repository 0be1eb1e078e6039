export { HostReadError, TooManyTracesError } from './errors'
export { assertMaxTraces, type JitFunction, type JitOptions, jit } from './jit'
