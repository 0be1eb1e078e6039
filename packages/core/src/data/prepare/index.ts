export { type CorpusLayout, detectLayout } from './layouts'
export { type CorpusSummary, type PrepareCorpusOptions, prepareCorpus, type SplitSummary } from './prepare-corpus'
