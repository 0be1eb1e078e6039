export { AdamW, type AdamWOptions, type AdamWUpdate, excludeBiasesAndNorms, type OptimizedParameter } from './adamw'
export { checkpointName, findCheckpoints, type TrainerState } from './checkpoint'
export { clipFactor, globalNorm } from './clip'
export { type ObjectiveEvaluatorOptions, objectiveEvaluator } from './evaluate'
export {
  GradientNormMonitor,
  type GradientNormMonitorOptions,
  type Monitor,
  NonFiniteMonitor,
  type NonFiniteMonitorOptions,
  type StepMetrics,
  type TrainingWarning,
} from './monitor'
export type { Batch, MetricReduction, Objective, ObjectiveContext, ObjectiveResult } from './objective'
export type { ParameterGroup, TrainableModel } from './parameter-groups'
export {
  formatDuration,
  formatProgress,
  type ProgressListener,
  type ProgressStream,
  type TerminalProgressOptions,
  type TrainingProgress,
  terminalProgress,
} from './progress'
export { type MetricsRecord, type RunRecord, readRunLog, type WarningRecord } from './run-log'
export {
  type CosineOptions,
  constantSchedule,
  cosineSchedule,
  linearDecaySchedule,
  type PolynomialDecayOptions,
  polynomialDecaySchedule,
  type Schedule,
  type TriStageOptions,
  triStageSchedule,
} from './schedules'
export { type StepControls, TrainStep, type TrainStepOptions } from './step'
export { Trainer } from './trainer'
export type { CheckpointableModel, TrainerOptions, TrainerResult } from './trainer-options'
