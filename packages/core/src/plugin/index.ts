export { type OpenCorpusOptions, openCorpus, openManifest, type TrainingCorpus } from './corpus'
export { type CtcSearchOptions, type DecodingOptions, readDecoding } from './ctc-decoding'
export { type BrokenPluginPackage, type DiscoveredPlugins, discoverPlugins, type PluginPackage } from './discover'
export { type DumpDescription, type DumpFeaturesOptions, dumpFeatures } from './dump-features'
export { type ExtractFeaturesOptions, extractFeatures, frontEndSource, type Waveforms } from './feature-source'
export {
  checkPlugin,
  type InstalledPlugin,
  type InstalledPlugins,
  loadPlugins,
  PluginError,
  pluginForModelType,
  pluginNamed,
} from './load-plugins'
export type {
  FeatureSource,
  LayerOptions,
  LoadModelOptions,
  ModelPlugin,
  Paper,
  PluginCommand,
  PluginCommandContext,
  PluginCommandOptions,
  PluginCommandResult,
  PluginOption,
  RecipeChoice,
  RecipeOption,
  SpeechRecognizer,
  SpeechTranscript,
  TimedWord,
  TrainingContext,
  TrainingJob,
  TrainingTask,
} from './model-plugin'
export { nearest } from './nearest'
export { type Listener, type OpenDatasetOptions, openDataset, openWholeDataset } from './open-dataset'
export { type OpenedModel, openModel, resolveModelDirectory } from './open-model'
export {
  jsonSchemaOf,
  mergeRecipe,
  RecipeError,
  type RecipeLayer,
  type RecipePlace,
  type RecipeProblem,
  type ResolvedRecipe,
  recipeLayer,
  resolveRecipe,
} from './recipe'
export { describeSchema, type JsonSchema } from './recipe-schema'
export {
  openRunFolder,
  type RunIdentity,
  type RunTrainingOptions,
  runTraining,
  type TrainingOutcome,
} from './run-training'
export * from './speech/index'
export {
  makeSchedule,
  type OptimizerSettings,
  optimizerSchema,
  type ScheduleSettings,
  scheduleSchema,
  type TrainingSettings,
  trainingSettings,
  trainingSettingsShape,
} from './training-settings'
export {
  type EvaluatedUtterance,
  evaluateRecognition,
  type RecognitionEvaluation,
  referencesOf,
  type TranscribeDatasetOptions,
  transcribeDataset,
} from './transcribe-dataset'
export { collapseUnits, extractUnits, type UnitRuns, type UnitSource, type UtteranceUnits, unitSource } from './units'
export { unitsCommand } from './units-command'
