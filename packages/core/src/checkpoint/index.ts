export { isCompleteDirectory, recoverDirectory, writeDirectoryAtomic, writeFileAtomic } from './atomic'
export { fromFloat32, toFloat32, toInt32 } from './convert'
export {
  type FairseqCheckpoint,
  type FairseqSettings,
  fairseqGroups,
  openFairseqCheckpoint,
} from './fairseq'
export { fairseqSpeechEncoderRules, parseConvLayers } from './fairseq-names'
export type { HostTensor, LazyTensor, SafetensorsDtype, TensorData, WritableTensor } from './host-tensor'
export {
  type ModelDirectory,
  type ModelDirectoryContent,
  type OpenModelDirectory,
  openModelDirectory,
  readModelDirectory,
  writeModelDirectory,
} from './model-directory'
export { type NameRule, nameMap } from './name-map'
export {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  type SafetensorsFile,
  SafetensorsReader,
  writeSafetensors,
} from './safetensors'
export { SafetensorsError, type SafetensorsFault } from './safetensors-fault'
export type { TensorEntry } from './safetensors-header'
export { addTensors, lazyTensors, readAll, renameTensors, type TensorInfo, type TensorSource } from './tensor-source'
export * from './torch/index'
