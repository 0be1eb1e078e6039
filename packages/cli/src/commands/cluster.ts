import {
  type ClusterQuality,
  ClusterQualityMeter,
  Codebook,
  concatenateDumps,
  DataError,
  dumpLabels,
  FeatureDump,
  type FrameLabels,
  type KMeansResult,
  kMeans,
  type MeasuredClusters,
  measureClusters,
  miniBatchKMeans,
  openAlignments,
  openFrameLabels,
  openManifest,
  readLabels,
} from '@babble/core'
import type { Command } from 'commander'
import { exitCodes, UsageError } from '../exit-codes'
import { addCommonOptions, addEngineOptions, type CommonOptions, type EngineOptions, type Session } from '../session'
import type { SessionMaker } from './train'
import { wholeNumber } from './transcribe'

interface TrainOptions extends CommonOptions, EngineOptions {
  readonly clusters: string
  readonly out: string
  readonly algorithm: 'mini-batch' | 'lloyd'
  readonly seed: string
  readonly passes: string
  readonly batchFrames: string
}

interface ApplyOptions extends CommonOptions, EngineOptions {
  readonly codebook: string
  readonly out: string
}

interface QualityOptions extends CommonOptions {
  readonly rate: string
  readonly reference?: string
  readonly referenceRate?: string
  readonly alignments?: string
  readonly tier?: string
  readonly data?: string
  readonly split?: string
}

const withDumps = async <T>(
  paths: readonly string[],
  session: Session,
  work: (dumps: readonly FeatureDump[]) => Promise<T>,
): Promise<T> => {
  const dumps: FeatureDump[] = []
  try {
    for (const path of paths) dumps.push(await FeatureDump.open(session.path(path)))
    return await work(dumps)
  } finally {
    for (const dump of dumps) await dump.close()
  }
}

const train = (paths: readonly string[], options: TrainOptions, session: Session): Promise<number> =>
  withDumps(paths, session, async (dumps) => {
    const clusters = wholeNumber('--clusters', options.clusters)
    const seed = wholeNumber('--seed', options.seed, 0)
    const passes = wholeNumber('--passes', options.passes)
    const batchFrames = wholeNumber('--batch-frames', options.batchFrames)
    await session.startEngine(options)
    const frames = concatenateDumps(dumps)
    const { signal } = session.io
    const common = { clusters, seed, ...(signal ? { signal } : {}) }
    const result: KMeansResult =
      options.algorithm === 'lloyd'
        ? await kMeans(frames, {
            ...common,
            maxIterations: passes,
            onIteration: ({ iteration }) => session.progress('Passes', iteration, passes),
          })
        : await miniBatchKMeans(frames, {
            ...common,
            epochs: passes,
            batchFrames,
            onStep: ({ step, steps }) => session.progress('Batches', step, steps),
          })
    const { codebook, inertia, counts, iterations, converged } = result
    const out = session.path(options.out)
    await codebook.save(out)
    const empty = counts.filter((count) => count === 0).length
    const perFrame = inertia / frames.frames
    const json = {
      codebook: out,
      clusters,
      dim: codebook.dim,
      frames: frames.frames,
      inertia,
      iterations,
      converged,
      empty,
    }
    session.result(
      `${clusters} clusters of ${frames.frames} frames, mean squared distance ${perFrame.toPrecision(5)}, ${iterations} ${options.algorithm === 'lloyd' ? 'passes' : 'batches'}` +
        `${converged ? '' : ', not converged'}${empty > 0 ? `, ${empty} empty` : ''}: ${out}\n`,
      json,
    )
    return exitCodes.ok
  })

const apply = (paths: readonly string[], options: ApplyOptions, session: Session): Promise<number> =>
  withDumps(paths, session, async (dumps) => {
    const codebook = await Codebook.load(session.path(options.codebook))
    await session.startEngine(options)
    const out = session.path(options.out)
    const { signal } = session.io
    const { utterances, frames } = await dumpLabels(codebook, dumps, out, {
      onProgress: (done, total) => session.progress('Frames', done, total),
      ...(signal ? { signal } : {}),
    })
    session.result(`${utterances} utterances, ${frames} frames: ${out}\n`, { labels: out, utterances, frames })
    return exitCodes.ok
  })

const rateOf = (name: string, text: string): number => {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new UsageError(`${name} is "${text}".`, { field: name, cure: 'Give labels a second, such as 50.' })
}

/** Against a file with a unit for each frame. */
const againstFrames = async (
  clusters: FrameLabels,
  options: QualityOptions,
  session: Session,
): Promise<ClusterQuality> => {
  const { reference: file = '', rate, referenceRate = '100' } = options
  const meter = new ClusterQualityMeter({
    clusterRate: rateOf('--rate', rate),
    referenceRate: rateOf('--reference-rate', referenceRate),
  })
  const reference = await readLabels(session.path(file), clusters.utterances)
  for (let row = 0; row < clusters.utterances; row++) {
    const units = (reference.at(row) ?? '').split(/\s+/).filter((unit) => unit !== '')
    meter.add(units, await clusters.read(row), `${file}:${row + 1}`)
  }
  return meter.result()
}

/** Against segments in time, found by the recordings' names. */
const againstAlignments = async (
  clusters: FrameLabels,
  { alignments: path = '', data = '', rate, tier, split }: QualityOptions,
  session: Session,
): Promise<MeasuredClusters> => {
  const labelRate = rateOf('--rate', rate)
  const manifest = await openManifest(session.path(data), split === undefined ? {} : { split })
  if (manifest.length !== clusters.utterances) {
    throw new DataError(`${clusters.utterances} lines of labels for the ${manifest.length} recordings of ${data}.`, {
      file: clusters.path,
      cure: 'Name the list of recordings that the labels were made for.',
    })
  }
  const alignments = await openAlignments(session.path(path), tier === undefined ? {} : { tier })
  const { signal } = session.io
  return measureClusters(clusters, (utterance) => alignments.segments(manifest.path(utterance)), {
    labelRate,
    onProgress: (done, total) => session.progress('Utterances', done, total),
    ...(signal ? { signal } : {}),
  })
}

const quality = async (labels: string, options: QualityOptions, session: Session): Promise<number> => {
  const { reference, alignments, data } = options
  if ((reference === undefined) === (alignments === undefined)) {
    throw new UsageError('there must be one reference.', {
      field: 'reference',
      cure: 'Name a file with --reference, or alignments with --alignments and --data.',
    })
  }
  if (alignments !== undefined && data === undefined) {
    throw new UsageError('alignments are found by the names of recordings.', {
      field: 'data',
      cure: 'Name their manifest, or the folder of their corpus, with --data.',
    })
  }
  await using clusters = await openFrameLabels(session.path(labels))
  const measured = alignments === undefined ? undefined : await againstAlignments(clusters, options, session)
  const found = measured ?? (await againstFrames(clusters, options, session))
  session.result(
    `purity          ${found.purity.toFixed(4)}  (of the reference's units in each cluster)\n` +
      `cluster purity  ${found.clusterPurity.toFixed(4)}\n` +
      `PNMI            ${found.pnmi.toFixed(4)}\n` +
      `${found.frames} frames, ${found.units} units, ${found.clusters} clusters in use\n` +
      (measured
        ? `${measured.utterances} of ${clusters.utterances} utterances have an alignment, which covers ${(100 * measured.coverage).toFixed(1)} % of their frames\n`
        : ''),
    found,
  )
  return exitCodes.ok
}

export const addClusterCommand = (program: Command, session: SessionMaker): void => {
  const parent = program.command('cluster').description('k-means over features: the targets of masked prediction')
  parent.addHelpText(
    'after',
    `
Examples:
  babble cluster train features/mfcc/train_0_1 --clusters 100 --out mfcc100.safetensors
  babble cluster apply features/mfcc/train_0_1 --codebook mfcc100.safetensors --out labels/train.km
  babble cluster quality labels/train.km --reference phones/train.phn --rate 100 --reference-rate 100
`,
  )
  const trainCommand = parent
    .command('train')
    .description('Find the clusters of one or several dumps; they may be larger than memory')
    .argument('<dumps...>', 'dumps that "babble features" wrote, with or without .npy')
    .requiredOption('--clusters <number>', 'how many')
    .requiredOption('--out <file>', 'where the codebook goes (.safetensors)')
    .addOption(
      program
        .createOption('--algorithm <name>', 'mini-batch as for HuBERT, or lloyd: all frames in each pass')
        .choices(['mini-batch', 'lloyd'])
        .default('mini-batch'),
    )
    .option('--passes <number>', 'passes over the frames, at most', '100')
    .option('--batch-frames <number>', 'frames of a mini-batch', '10000')
    .option('--seed <number>', 'of the initial centroids and the batches', '0')
    .addHelpText(
      'after',
      `
Examples:
  babble cluster train features/mfcc/train_0_1 --clusters 100 --out mfcc100.safetensors
  babble cluster train layer6/train_0_4 layer6/train_1_4 --clusters 500 --algorithm lloyd --passes 50 --out layer6.safetensors
`,
    )
  addCommonOptions(addEngineOptions(trainCommand)).action((paths: string[], options: TrainOptions) =>
    session.run(options, (active) => train(paths, options, active)),
  )
  const applyCommand = parent
    .command('apply')
    .description('Write the cluster of each frame: a line for each utterance (.km)')
    .argument('<dumps...>', 'dumps, in the order in which their utterances are wanted')
    .requiredOption('--codebook <file>', 'what "babble cluster train" wrote')
    .requiredOption('--out <file>', 'where the labels go (.km)')
    .addHelpText(
      'after',
      '\nExamples:\n  babble cluster apply features/mfcc/valid_0_1 --codebook mfcc100.safetensors --out labels/valid.km\n',
    )
  addCommonOptions(addEngineOptions(applyCommand)).action((paths: string[], options: ApplyOptions) =>
    session.run(options, (active) => apply(paths, options, active)),
  )
  const qualityCommand = parent
    .command('quality')
    .description('How well clusters stand for units such as phones: purity and PNMI')
    .argument('<labels>', 'what "babble cluster apply" wrote (.km)')
    .option('--rate <number>', 'clusters a second', '50')
    .option('--reference <file>', 'units of the same utterances: a line for each, a unit for each frame')
    .option('--reference-rate <number>', 'units a second in that file (default: 100)')
    .option('--alignments <path>', 'or: a folder of TextGrids or .phn files, or a table of path, start, end and label')
    .option('--tier <name>', 'tier of the TextGrids (default: phones)')
    .option(
      '--data <path>',
      'manifest of the recordings, or folder of their corpus: by their names alignments are found',
    )
    .option('--split <name>', 'part of the corpus')
    .addHelpText(
      'after',
      `
Examples:
  babble cluster quality labels/valid.km --reference phones/valid.phn --rate 50 --reference-rate 100
  babble cluster quality labels/valid.km --alignments aligned --data corpus --split valid --rate 50
`,
    )
  addCommonOptions(qualityCommand).action((labels: string, options: QualityOptions) =>
    session.run(options, (active) => quality(labels, options, active)),
  )
}
