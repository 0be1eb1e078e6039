import { join } from 'node:path'
import {
  ConfigError,
  type FinishedStage,
  fingerprintFile,
  type Listener,
  type MeasuredClusters,
  openStages,
  type RecipeLayer,
  recipeLayer,
  resolveRecipe,
  type StagesSummary,
  samplesPerFrame,
  type TrainingTask,
  writeFileAtomic,
} from '@babble/core'
import { type HubertConfig, hubertConfig } from '../config'
import { pretrainTask } from '../plugin/pretrain'
import type { PretrainingSettings } from '../plugin/recipes'
import { codebookFile, type IterationCorpus, labelStages } from './label-stages'
import { type ModelResult, modelStage } from './model-stage'
import { type HubertIterationsOptions, ofIteration } from './options'
import { iterationsReport } from './report'

/** What an iteration came to. */
export interface IterationOutcome {
  /** From 1. */
  readonly iteration: number
  /** What its labels are clusters of: a layer of the model before, or MFCC. */
  readonly features: { readonly layer: number } | 'mfcc'
  readonly clusters: number
  /** Clusters without a frame. */
  readonly emptyClusters: number
  /** Labels a second. */
  readonly labelRate: number
  readonly codebook: string
  /** Files of labels. */
  readonly labels: { readonly train: string; readonly valid?: string }
  /** Of the labels, with a reference. */
  readonly quality?: MeasuredClusters
  /** Directory of the model that learnt them; absent for the clusters of the last model. */
  readonly model?: string
  readonly training?: ModelResult
}

export interface HubertIterationsOutcome {
  readonly iterations: readonly IterationOutcome[]
  readonly summary: StagesSummary
  /** The HTML report. */
  readonly report: string
}

const usualClusters = [100, 500]

const silent: Listener = { note: () => {}, progress: () => {} }

/** Everything that is known before the first stage. */
interface Plan {
  readonly recipe: PretrainingSettings
  readonly config: HubertConfig
  /** Whose features are clustered; absent: MFCC. */
  readonly layer?: number
  readonly clusters: number
  readonly sample: number
}

const checkShare = (sample: number): void => {
  if (sample > 0 && sample <= 1) return
  throw new ConfigError(`a sample is ${sample}.`, {
    field: 'samples',
    cure: 'Give shares of the recordings: 0.1 to 1.',
  })
}

const checkCount = (field: string, value: number, least = 1): void => {
  if (Number.isSafeInteger(value) && value >= least) return
  throw new ConfigError(`${field} is ${value}.`, { field, cure: `Give a whole number of at least ${least}.` })
}

/** The paper's layers for a model of so many blocks: 6 of 12 for the second iteration, 9 for later ones. */
const usualLayer = (iteration: number, blocks: number): number => Math.round((iteration === 2 ? 0.5 : 0.75) * blocks)

/** The recipes of all iterations, checked before the first stage begins. */
export const planIterations = (options: Omit<HubertIterationsOptions, 'directory' | 'train' | 'valid'>): Plan[] => {
  const { iterations = 2, size, clusters = usualClusters, layers = [], samples = [1], steps = [] } = options
  checkCount('iterations', iterations)
  if (clusters.length === 0) throw new ConfigError('clusters is empty.', { field: 'clusters' })
  const shared: RecipeLayer[] = [
    ...(options.recipe ?? []),
    ...(size === undefined ? [] : [recipeLayer({ size }, 'size')]),
  ]
  const plans: Plan[] = []
  for (let iteration = 1; iteration <= iterations; iteration++) {
    const before = plans.at(-1)?.config
    const count = ofIteration(clusters, iteration)!
    const maxSteps = ofIteration(steps, iteration)
    const sample = ofIteration(samples, iteration) ?? 1
    checkCount('clusters', count)
    checkShare(sample)
    const labelRate = before ? before.samplingRate / samplesPerFrame(before) : 100
    const own = recipeLayer({
      labelsFrom: before ? 'layer' : 'mfcc',
      ...(maxSteps === undefined ? {} : { maxSteps }),
      config: { numClasses: [count], labelRate },
    })
    const task = pretrainTask as unknown as TrainingTask
    const fixed = { model: 'hubert', task: 'pretrain' }
    const recipe = resolveRecipe(task, [...shared, own], fixed).recipe as unknown as PretrainingSettings
    const config = hubertConfig(recipe.config)
    const layer = before && layerFor(iteration, before, layers)
    plans.push({ recipe, config, clusters: count, sample, ...(layer === undefined ? {} : { layer }) })
  }
  if (options.lastClusters ?? true) {
    const last = plans.at(-1)!
    const iteration = iterations + 1
    const layer = layerFor(iteration, last.config, layers)
    const sample = ofIteration(samples, iteration) ?? 1
    plans.push({ ...last, layer, sample, clusters: ofIteration(clusters, iteration)! })
  }
  return plans
}

const layerFor = (iteration: number, { numHiddenLayers }: HubertConfig, layers: readonly number[]): number => {
  const layer = ofIteration(layers, iteration - 1) ?? usualLayer(iteration, numHiddenLayers)
  if (Number.isInteger(layer) && layer >= 0 && layer <= numHiddenLayers) return layer
  throw new ConfigError(`there is no layer ${layer}.`, {
    field: 'layers',
    cure: `Layers are 0 (what the Transformer is given) to ${numHiddenLayers} (its output).`,
  })
}

const corpusOf = async ({ train, valid, signal }: HubertIterationsOptions): Promise<IterationCorpus> => {
  const parts = { train, ...(valid ? { valid } : {}) }
  const fingerprints: Record<string, object> = {}
  for (const [part, manifest] of Object.entries(parts)) {
    const { sha256 } = await fingerprintFile(manifest.file, signal)
    fingerprints[part] = { recordings: manifest.length, sha256 }
  }
  return { parts, fingerprints }
}

/**
 * The paper's recipe (sections II and IV): MFCC are clustered, a model learns to predict the clusters, a layer of it is clustered, the next model
 * learns those, and so on. Each step is a stage with a folder of its own in `directory`: `1-mfcc`, `1-clusters`, `1-labels`, `1-quality`, `1-model`,
 * `2-features`, …; done again, the function goes on with the first that is not complete, and training from its last checkpoint.
 *
 * An engine must be loaded.
 *
 * @throws ConfigError for an option out of range, a recipe that cannot be used, or a folder of other stages; DataError for recordings that cannot be
 * used, or fewer frames than clusters; the signal's reason when it is aborted.
 */
export const hubertIterations = async (options: HubertIterationsOptions): Promise<HubertIterationsOutcome> => {
  const { directory, listener = silent, signal, from, fresh, onProgress, reference } = options
  const { clustering = {}, batchSize = 8, engine = 'unknown' } = options
  const plans = planIterations(options)
  const corpus = await corpusOf(options)
  const stages = await openStages(directory, {
    listener,
    ...(signal ? { signal } : {}),
    ...(from === undefined ? {} : { from }),
    ...(fresh === undefined ? {} : { fresh }),
  })
  try {
    const results: IterationOutcome[] = []
    const trained = options.iterations ?? 2
    let model: FinishedStage<ModelResult> | undefined
    for (const [index, { recipe, layer, clusters, sample }] of plans.entries()) {
      const iteration = index + 1
      const plan = {
        iteration,
        clusters,
        sample,
        ...(layer === undefined ? {} : { layer: { number: layer, model: model! } }),
      }
      const found = await labelStages(stages, corpus, plan, {
        clustering,
        batchSize,
        ...(reference ? { reference } : {}),
      })
      const { features, labels, quality } = found
      model =
        iteration > trained
          ? undefined
          : await modelStage(stages, corpus, {
              iteration,
              recipe,
              labels,
              engine,
              ...(onProgress ? { onProgress } : {}),
            })
      results.push({
        iteration,
        features: layer === undefined ? 'mfcc' : { layer },
        clusters,
        emptyClusters: found.clusters.result.empty,
        labelRate: features.result.frameRate,
        codebook: found.clusters.file(codebookFile),
        labels: {
          train: labels.file('train.km'),
          ...(corpus.parts.valid ? { valid: labels.file('valid.km') } : {}),
        },
        ...(quality ? { quality: quality.result.measured } : {}),
        ...(model ? { model: model.file('model'), training: model.result } : {}),
      })
    }
    const summary = await stages.summary()
    const report = join(stages.directory, 'report.html')
    await writeFileAtomic(report, iterationsReport(results, summary))
    return { iterations: results, summary, report }
  } finally {
    await stages.close()
  }
}
