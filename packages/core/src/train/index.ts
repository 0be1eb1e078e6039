export { AdamW, type AdamWOptions, excludeBiasesAndNorms } from './adamw'
export { checkpointName, findCheckpoints, type TrainerState } from './checkpoint'
export { clipFactor, globalNorm } from './clip'
export { cutBatch } from './cut-batch'
export { describeEnvironment } from './environment'
export { type ObjectiveEvaluatorOptions, objectiveEvaluator } from './evaluate'
export { makeOptimizer, type OptimizerOptions } from './make-optimizer'
export {
  GradientNormMonitor,
  type GradientNormMonitorOptions,
  type Monitor,
  NonFiniteMonitor,
  type NonFiniteMonitorOptions,
  type StepDetails,
  type StepMetrics,
  type TrainingWarning,
} from './monitor'
export type { Batch, MetricReduction, Objective, ObjectiveContext, ObjectiveResult } from './objective'
export type { OptimizedParameter, Optimizer, OptimizerUpdate } from './optimizer'
export {
  freezeUntil,
  type LayerwiseDecayOptions,
  layerwiseDecayGroups,
  type ParameterGroup,
  type TrainableModel,
} from './parameter-groups'
export {
  formatDuration,
  formatProgress,
  type ProgressListener,
  type ProgressStream,
  type TerminalProgressOptions,
  type TrainingProgress,
  terminalProgress,
} from './progress'
export type { KeepBestOptions, RankedCheckpoint } from './retention'
export { type MetricsRecord, type RunRecord, readRunLog, type WarningRecord } from './run-log'
export {
  type CosineOptions,
  constantSchedule,
  cosineSchedule,
  inverseSquareRootSchedule,
  linearDecaySchedule,
  type PolynomialDecayOptions,
  polynomialDecaySchedule,
  type Schedule,
  type TriStageOptions,
  triStageSchedule,
} from './schedules'
export { Sgd, type SgdOptions } from './sgd'
export { TrainStep } from './step'
export type { StepControls, StepReading, TrainStepOptions } from './step-options'
export { Trainer } from './trainer'
export type { CheckpointableModel, TrainerOptions, TrainerResult } from './trainer-options'
export { moveAverage, WeightAverage, type WeightAverageOptions } from './weight-average'
