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
export { hubertFairseqName, hubertFairseqProcessor } from './fairseq'
export { type FairseqHubert, readHubertFairseqConfig } from './fairseq-config'
export { loadHubertFeatures } from './features'
export { HubertForCTC } from './heads/ctc'
export {
  HubertForPreTraining,
  type HubertPretrainingInputs,
  type HubertPretrainingOptions,
  type HubertPretrainingOutput,
  labelsPerFrame,
} from './heads/pretraining'
export { HubertForSequenceClassification } from './heads/sequence-classification'
export type { FromPretrainedOptions } from './interop'
export { HubertModel } from './model'
export { HubertPretrainingObjective, type HubertPretrainingObjectiveOptions } from './objective'
export { type HubertIterationsOutcome, hubertIterations, type IterationOutcome } from './pipeline/iterations'
export type { ModelResult } from './pipeline/model-stage'
export {
  alignedReference,
  type ClusteringOptions,
  columnReference,
  type HubertIterationsOptions,
  type ReferenceUnits,
} from './pipeline/options'
export { iterationsReport, iterationsTable } from './pipeline/report'
export {
  freezeHubertUntil,
  type HubertIteration,
  type HubertPretrainingOverrides,
  type HubertPretrainingRecipe,
  type HubertSize,
  hubertCtcRecipe,
  hubertPretrainingRecipe,
} from './recipe'
