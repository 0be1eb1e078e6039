import { join } from 'node:path'
import {
  Codebook,
  concatenateDumps,
  dumpFeatures,
  dumpLabels,
  extractUnits,
  FeatureDump,
  type FeatureSource,
  type FinishedStage,
  frontEndSource,
  HostRng,
  type Manifest,
  type MeasuredClusters,
  measureClusters,
  miniBatchKMeans,
  openFrameLabels,
  openWholeDataset,
  type StageContext,
  type Stages,
  type UnitSource,
  unitSource,
  writeFileAtomic,
} from '@babble/core'
import { loadHubertFeatures } from '../features'
import type { ClusteringOptions, ReferenceUnits } from './options'

/** The manifests of the recordings by the names of their parts, and what tells them from others. */
export interface IterationCorpus {
  readonly parts: Readonly<Record<'train', Manifest> & Partial<Record<'valid', Manifest>>>
  readonly fingerprints: Readonly<Record<string, object>>
}

/** What the labels of an iteration are made of. */
export interface LabelPlan {
  readonly iteration: number
  readonly clusters: number
  /** Share of the training recordings that k-means sees. */
  readonly sample: number
  /** A layer of the model before; absent: MFCC. */
  readonly layer?: { readonly number: number; readonly model: FinishedStage<object> }
}

export type FeatureResult = { utterances: number; frames: number; dim: number; frameRate: number }
export type ClusterResult = { clusters: number; dim: number; frames: number; empty: number; inertiaPerFrame: number }

/** What is shown, and all that was measured. */
export type QualityResult = { purity: number; clusterPurity: number; pnmi: number; measured: MeasuredClusters }

/** The finished stages that gave an iteration its labels. */
export interface LabelStages {
  readonly features: FinishedStage<FeatureResult>
  readonly clusters: FinishedStage<ClusterResult>
  readonly labels: FinishedStage<{ utterances: number; frames: number }>
  readonly quality?: FinishedStage<QualityResult>
}

export interface LabelStageOptions {
  readonly clustering: ClusteringOptions
  readonly batchSize: number
  readonly reference?: ReferenceUnits
}

export const codebookFile = 'codebook.safetensors'
const dumpFile = (part: string) => `${part}_0_1.npy`

const openSource = async ({ layer }: LabelPlan, batchSize: number): Promise<FeatureSource> =>
  layer
    ? loadHubertFeatures(layer.model.file('model'), { layer: layer.number, batchSize })
    : frontEndSource({ type: 'hubert-mfcc' })

/** A share of a manifest's rows drawn at random, in their order; at least one. */
const sampleRows = (manifest: Manifest, share: number, seed: number): Manifest => {
  if (share >= 1) return manifest
  const rng = new HostRng(seed, 'k-means sample')
  let wanted = Math.max(1, Math.round(share * manifest.length))
  // Each row is taken with the share that is still wanted of the rows that are left.
  return manifest.select((row) => {
    const taken = rng.uniform() * (manifest.length - row) < wanted
    if (taken) wanted--
    return taken
  })
}

const signalOf = ({ signal }: StageContext) => (signal ? { signal } : {})

const withDump = async <T>(path: string, work: (dump: FeatureDump) => Promise<T>): Promise<T> => {
  const dump = await FeatureDump.open(path)
  try {
    return await work(dump)
  } finally {
    await dump.close()
  }
}

/** Labels of recordings whose features are not on the disk. */
const writeUnitLabels = async (
  source: UnitSource,
  manifest: Manifest,
  path: string,
  context: StageContext,
): Promise<{ utterances: number; frames: number }> => {
  const totals = { utterances: 0, frames: 0 }
  const data = await openWholeDataset(manifest, { sampleRate: source.sampleRate, part: 'of the' }, context)
  try {
    await writeFileAtomic(path, async (handle) => {
      const onProgress = (done: number, total: number) => context.progress('Recordings', done, total)
      for await (const { units } of extractUnits(source, data, { onProgress, ...signalOf(context) })) {
        await handle.appendFile(`${units.join(' ')}\n`)
        totals.utterances++
        totals.frames += units.length
      }
    })
  } finally {
    await data.close?.()
  }
  return totals
}

/** Features of the training recordings, or of a sample of them; of all parts where there is no sample. */
const featureStage = (
  stages: Stages,
  corpus: IterationCorpus,
  plan: LabelPlan,
  { batchSize, clustering: { seed = 0 } }: LabelStageOptions,
): Promise<FinishedStage<FeatureResult>> => {
  const { iteration, sample, layer } = plan
  return stages.stage({
    name: layer ? `${iteration}-features` : `${iteration}-mfcc`,
    title: layer ? `Features of layer ${layer.number}` : 'MFCC',
    inputs: {
      data: sample < 1 ? { train: corpus.fingerprints.train } : corpus.fingerprints,
      ...(layer ? { layer: layer.number } : { frontEnd: 'hubert-mfcc' }),
      ...(sample < 1 ? { sample, seed } : {}),
    },
    reads: layer ? [layer.model] : [],
    run: async (context) => {
      const source = await openSource(plan, batchSize)
      try {
        const dump = (part: 'train' | 'valid', manifest: Manifest) =>
          dumpFeatures(source, manifest, { output: context.directory, split: part, ...signalOf(context) }, context)
        const { utterances, frames, dim, frameRate } = await dump('train', sampleRows(corpus.parts.train, sample, seed))
        if (corpus.parts.valid && sample >= 1) await dump('valid', corpus.parts.valid)
        return { utterances, frames, dim, frameRate }
      } finally {
        source.dispose()
      }
    },
  })
}

const clusterStage = (
  stages: Stages,
  { iteration, clusters, layer }: LabelPlan,
  features: FinishedStage<FeatureResult>,
  { clustering }: LabelStageOptions,
): Promise<FinishedStage<ClusterResult>> =>
  stages.stage({
    name: `${iteration}-clusters`,
    title: `${clusters} clusters`,
    inputs: { clusters, seed: 0, ...clustering },
    reads: [features],
    run: (context) =>
      withDump(features.file(dumpFile('train')), async (dump) => {
        const frames = concatenateDumps([dump])
        const { codebook, inertia, counts } = await miniBatchKMeans(frames, {
          seed: 0,
          ...clustering,
          clusters,
          onStep: ({ step, steps }) => context.progress('Batches', step, steps),
          ...signalOf(context),
        })
        const metadata = {
          ...codebook.metadata,
          features: layer ? `hubert layer ${layer.number}` : 'hubert-mfcc',
          iteration: String(iteration),
        }
        await new Codebook(codebook.centroids, codebook.dim, metadata).save(join(context.directory, codebookFile))
        const empty = counts.filter((count) => count === 0).length
        if (empty > 0) context.note(`${empty} of ${clusters} clusters have no frame: fewer would do.`)
        const result: ClusterResult = {
          clusters,
          dim: codebook.dim,
          frames: frames.frames,
          empty,
          inertiaPerFrame: inertia / frames.frames,
        }
        return result
      }),
  })

const labelStage = (
  stages: Stages,
  corpus: IterationCorpus,
  plan: LabelPlan,
  features: FinishedStage<FeatureResult>,
  clusters: FinishedStage<ClusterResult>,
  { batchSize }: LabelStageOptions,
): Promise<LabelStages['labels']> => {
  const { iteration, sample, layer } = plan
  return stages.stage({
    name: `${iteration}-labels`,
    title: 'Labels',
    inputs: sample < 1 ? { data: corpus.fingerprints } : {},
    reads: [features, clusters, ...(layer && sample < 1 ? [layer.model] : [])],
    run: async (context) => {
      const codebook = await Codebook.load(clusters.file(codebookFile))
      const parts = Object.entries(corpus.parts) as ['train' | 'valid', Manifest][]
      const out = (part: string) => join(context.directory, `${part}.km`)
      const totals: Record<string, { utterances: number; frames: number }> = {}
      if (sample < 1) {
        const source = unitSource(await openSource(plan, batchSize), codebook)
        try {
          for (const [part, manifest] of parts)
            totals[part] = await writeUnitLabels(source, manifest, out(part), context)
        } finally {
          source.dispose()
        }
      } else {
        for (const [part] of parts) {
          totals[part] = await withDump(features.file(dumpFile(part)), (dump) =>
            dumpLabels(codebook, [dump], out(part), {
              onProgress: (done, total) => context.progress('Frames', done, total),
              ...signalOf(context),
            }),
          )
        }
      }
      return totals.train!
    },
  })
}

const qualityStage = (
  stages: Stages,
  { iteration }: LabelPlan,
  labels: LabelStages['labels'],
  labelRate: number,
  reference: ReferenceUnits,
): Promise<FinishedStage<QualityResult>> =>
  stages.stage({
    name: `${iteration}-quality`,
    title: 'Quality of the clusters',
    inputs: { labelRate, reference: reference.inputs },
    reads: [labels],
    run: async (context) => {
      const clusters = await openFrameLabels(labels.file('train.km'), signalOf(context))
      try {
        const measured = await measureClusters(clusters, (recording) => reference.units(recording), {
          labelRate,
          onProgress: (done, total) => context.progress('Recordings', done, total),
          ...signalOf(context),
        })
        const { purity, clusterPurity, pnmi } = measured
        return { purity, clusterPurity, pnmi, measured }
      } finally {
        await clusters.close()
      }
    },
  })

/** Features, clusters, labels and, with a reference, the clusters' quality: what an iteration's model learns to predict. */
export const labelStages = async (
  stages: Stages,
  corpus: IterationCorpus,
  plan: LabelPlan,
  options: LabelStageOptions,
): Promise<LabelStages> => {
  const features = await featureStage(stages, corpus, plan, options)
  const clusters = await clusterStage(stages, plan, features, options)
  const labels = await labelStage(stages, corpus, plan, features, clusters, options)
  const { reference } = options
  if (!reference) return { features, clusters, labels }
  const quality = await qualityStage(stages, plan, labels, features.result.frameRate, reference)
  return { features, clusters, labels, quality }
}
