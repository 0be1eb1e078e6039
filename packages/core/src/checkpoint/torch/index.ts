export {
  NumpyArray,
  PickleGlobal,
  PickleRecord,
  type PickleValue,
  TorchStorage,
  TorchTensor,
} from './pickle-values'
export { toPlain } from './plain'
export { TorchFile, type TorchFileOptions } from './torch-file'
export { TorchFileError, type TorchFileFault } from './torch-file-error'
