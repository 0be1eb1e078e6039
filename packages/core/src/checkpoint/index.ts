export { isCompleteDirectory, recoverDirectory, writeDirectoryAtomic, writeFileAtomic } from './atomic'
export { fromFloat32, toFloat32, toInt32 } from './convert'
export type { HostTensor, SafetensorsDtype, TensorData } from './host-tensor'
export {
  type ModelDirectory,
  type ModelDirectoryContent,
  readModelDirectory,
  writeModelDirectory,
} from './model-directory'
export {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  type SafetensorsFile,
  SafetensorsReader,
  writeSafetensors,
} from './safetensors'
export type { TensorEntry } from './safetensors-header'
