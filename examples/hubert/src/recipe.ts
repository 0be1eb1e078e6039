import { type FinishedStage, frontEndSource, loadLayerFeatures, type Stages } from '@babble/core'
import type { Corpus, CorpusParts } from '@babble/example-common'
import { HubertModel } from '@babble/hubert'
import { type ClustersResult, clustersStage, featuresStage } from './clusters'
import { type CorpusResult, corpusStage, Strings } from './corpus'
import { type FinetuningResult, finetuneStage, type Start } from './finetune'
import { hubertStage, type PretrainingResult, type TrainingOptions, wav2vec2Stage } from './pretrain'

/** Changes when the example comes to do something else with the same settings, so that it does not go on with an older run. */
const version = 1

export interface RecipeOptions extends TrainingOptions {
  readonly corpus: Corpus
  /** Reads the takes. */
  readonly load: () => Promise<CorpusParts>
  /** Told before each part of the recipe. */
  readonly heading: (text: string) => void
}

/** All stages, complete. */
export interface Outcome {
  readonly corpus: FinishedStage<CorpusResult>
  readonly strings: Strings
  /** Clusters of MFCC, of the first iteration's layer and of the second's, equally many. */
  readonly clusters: readonly [mfcc: Clusters, first: Clusters, second: Clusters]
  /** The clusters of the first iteration's layer that the second learns to predict. */
  readonly refined: Clusters
  readonly iterations: readonly [Pretrained, Pretrained]
  readonly wav2vec2: Pretrained
  readonly finetuned: readonly Finetuned[]
}

type Clusters = FinishedStage<ClustersResult>
type Pretrained = FinishedStage<PretrainingResult>
export interface Finetuned {
  readonly start: Start['kind']
  readonly stage: FinishedStage<FinetuningResult>
}

/** HuBERT's recipe (section IV of the paper), then fine-tuning, then the same for a wav2vec 2.0 at equal compute and for random weights. */
export const runRecipe = async (stages: Stages, options: RecipeOptions): Promise<Outcome> => {
  const { settings, seed, heading } = options
  const { layer, clusters, refinedClusters } = settings

  heading('Recordings')
  const corpus = await corpusStage(stages, options.corpus, options.load, { settings, seed, version })
  const strings = new Strings(corpus, settings.sampleRate)
  const cluster = (name: string, title: string, features: Parameters<typeof clustersStage>[2], count: number) =>
    clustersStage(stages, strings, features, { name, title: `${count} clusters of ${title}`, clusters: count, seed })

  heading('Clusters of MFCC')
  const mfcc = await featuresStage(stages, strings, {
    name: 'mfcc',
    title: 'MFCC',
    inputs: { frontEnd: settings.mfcc },
    open: () => frontEndSource(settings.mfcc),
  })
  const mfccClusters = await cluster('mfcc-clusters', 'MFCC', mfcc, clusters)

  const layerOf = (model: Pretrained, iteration: number) =>
    featuresStage(stages, strings, {
      name: `features-${iteration}`,
      title: `Features of layer ${layer}`,
      inputs: { layer },
      model,
      open: () =>
        loadLayerFeatures('hubert', (path) => HubertModel.fromPretrained(path), model.file('model'), {
          layer,
          batchSize: 16,
        }),
    })

  heading('First iteration')
  const first = await hubertStage(stages, strings, mfccClusters, 1, options)
  const firstFeatures = await layerOf(first, 1)
  const firstClusters = await cluster('clusters-1', `layer ${layer}`, firstFeatures, clusters)
  const refined = await cluster('labels-2', `layer ${layer}`, firstFeatures, refinedClusters)

  heading('Second iteration')
  const second = await hubertStage(stages, strings, refined, 2, options)
  const secondFeatures = await layerOf(second, 2)
  const secondClusters = await cluster('clusters-2', `layer ${layer}`, secondFeatures, clusters)

  heading('Fine-tuning')
  const finetune = async (start: Start): Promise<Finetuned> => ({
    start: start.kind,
    stage: await finetuneStage(stages, strings, start, options),
  })
  const hubert = await finetune({ kind: 'hubert', model: second })

  heading('wav2vec 2.0, for as long')
  const wav2vec2 = await wav2vec2Stage(stages, strings, options)
  const contrastive = await finetune({ kind: 'wav2vec2', model: wav2vec2 })

  heading('Without pre-training')
  const random = await finetune({ kind: 'random' })

  return {
    corpus,
    strings,
    clusters: [mfccClusters, firstClusters, secondClusters],
    refined,
    iterations: [first, second],
    wav2vec2,
    finetuned: [hubert, contrastive, random],
  }
}
