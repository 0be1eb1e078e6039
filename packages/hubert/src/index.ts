export {
  type HubertConfig,
  hubertBase,
  hubertConfig,
  hubertLarge,
  hubertTiny,
  hubertXLarge,
  readHubertConfig,
  writeHubertConfig,
} from './config'
export {
  type HubertPretrainingBatchesOptions,
  type HubertPretrainingHostBatch,
  type HubertPretrainingSource,
  hubertPretrainingBatches,
} from './data/pretraining-batches'
export { HubertForCTC } from './heads/ctc'
export {
  HubertForPreTraining,
  type HubertPretrainingInputs,
  type HubertPretrainingOptions,
  type HubertPretrainingOutput,
  labelsPerFrame,
} from './heads/pretraining'
export type { FromPretrainedOptions } from './interop'
export { HubertModel } from './model'
export { HubertPretrainingObjective, type HubertPretrainingObjectiveOptions } from './objective'
