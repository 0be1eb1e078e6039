export { buildFrom } from './build-from'
export { type CheckpointFit, type LoadReport, loadTensors } from './load-tensors'
export { modelTensors, type SavedDtype } from './model-tensors'
export {
  type AnyPretrainedClass,
  type FromPretrainedOptions,
  type ModelFamily,
  type PretrainedClass,
  PretrainedModel,
  type SavePretrainedOptions,
} from './pretrained-model'
