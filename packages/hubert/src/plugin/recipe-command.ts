import {
  ConfigError,
  openAlignments,
  openCorpus,
  type PluginCommand,
  type PluginCommandContext,
  type PluginCommandOptions,
  stageTable,
  type TrainingCorpus,
} from '@babble/core'
import { hubertIterations, planIterations } from '../pipeline/iterations'
import { alignedReference, columnReference, type ReferenceUnits } from '../pipeline/options'
import { iterationsTable } from '../pipeline/report'
import type { HubertSize } from '../recipe'
import { sizes } from './recipes'

/** Numbers with commas between. */
const numbersOf = (name: string, value: unknown): number[] =>
  String(value)
    .split(',')
    .map((part) => {
      const number = Number(part)
      if (part.trim() !== '' && Number.isFinite(number)) return number
      throw new ConfigError(`--${name} is "${String(value)}".`, {
        field: name,
        cure: 'Give numbers with commas between, such as 100,500.',
      })
    })

const numberOf = (name: string, value: unknown, least: number): number => {
  const number = Number(value)
  if (String(value).trim() !== '' && Number.isSafeInteger(number) && number >= least) return number
  throw new ConfigError(`--${name} is "${String(value)}".`, {
    field: name,
    cure: `Give a whole number of at least ${least}.`,
  })
}

const sizeOf = (value: unknown): HubertSize => {
  if (typeof value === 'string' && Object.hasOwn(sizes, value)) return value as HubertSize
  throw new ConfigError(`--size is "${String(value)}".`, {
    field: 'size',
    cure: `There are ${Object.keys(sizes).join(', ')}.`,
  })
}

const referenceOf = async (
  options: PluginCommandOptions,
  { train }: TrainingCorpus,
  context: PluginCommandContext,
): Promise<ReferenceUnits | undefined> => {
  const { alignments: path, referenceColumn: column, tier } = options
  if (path !== undefined && column !== undefined) {
    throw new ConfigError('there are two references.', {
      field: 'reference',
      cure: 'Give --alignments or --reference-column.',
    })
  }
  if (typeof column === 'string') return columnReference(train, column)
  if (typeof path !== 'string') return undefined
  const named = typeof tier === 'string' ? { tier } : {}
  const alignments = await openAlignments(context.path(path), named)
  return alignedReference(alignments, train, { alignments: path, recordings: alignments.size, ...named })
}

/** `babble hubert recipe`: all of the paper's iterations, from recordings to the last model. */
export const recipeCommand: PluginCommand = {
  name: 'recipe',
  summary: 'MFCC, clusters, a model, clusters of its layer, the next model: the whole recipe, stage by stage',
  options: [
    { flags: '--data <path>', description: 'manifest, or folder of a prepared corpus', required: true },
    {
      flags: '--out <folder>',
      description: "the stages' folder; given again, the command goes on there",
      required: true,
    },
    { flags: '--valid <manifest>', description: 'held-out recordings (default: those of the corpus, if it has any)' },
    { flags: '--split <name>', description: 'part of the corpus to train on (default: train)' },
    { flags: '--size <size>', description: `size of the models: ${Object.keys(sizes).join(', ')} (default: base)` },
    { flags: '--iterations <number>', description: 'models that are trained', default: '2' },
    { flags: '--clusters <numbers>', description: 'clusters of each iteration', default: '100,500' },
    {
      flags: '--layers <numbers>',
      description: 'layers that are clustered for iteration 2, 3, … (default: 6,9 of 12, the like of others)',
    },
    {
      flags: '--samples <shares>',
      description: 'share of the recordings that k-means sees, for each iteration',
      default: '1',
    },
    { flags: '--steps <numbers>', description: "updates of each iteration (default: the recipe's)" },
    { flags: '--no-last-clusters', description: 'do not cluster the last model' },
    {
      flags: '--alignments <path>',
      description: 'phones or words in time, by which clusters are judged: TextGrids, .phn, a table',
    },
    { flags: '--tier <name>', description: 'tier of the TextGrids (default: phones)' },
    {
      flags: '--reference-column <name>',
      description: 'or: a column of the manifest, with one unit for a whole recording',
    },
    { flags: '--recipe <file>', description: 'YAML with what differs from the defaults of "babble pretrain hubert"' },
    { flags: '--set <setting...>', description: 'settings over the recipe: maxSteps=1000' },
    { flags: '--seed <number>', description: 'of the clustering', default: '0' },
    { flags: '--from <stage>', description: 'do a stage again, and what follows from it; what there is, is put aside' },
    { flags: '--fresh', description: 'put all stages aside, and begin anew' },
  ],
  examples: [
    'babble hubert recipe --data corpus --size tiny --clusters 50,100 --out runs/hubert',
    'babble hubert recipe --data corpus --size base --samples 1,0.1 --alignments aligned --out runs/base',
    'babble hubert recipe --data corpus --size tiny --iterations 3 --reference-column text --out runs/hubert',
  ],
  async run(options, context) {
    const text = (name: string) => {
      const value = options[name]
      return typeof value === 'string' ? value : undefined
    }
    const numbers = (name: string) => (text(name) === undefined ? {} : { [name]: numbersOf(name, text(name)) })
    const valid = text('valid')
    const split = text('split')
    const from = text('from')
    const recipe = [
      ...(text('recipe') === undefined ? [] : [await context.recipeFile(text('recipe')!)]),
      ...((options.set ?? []) as readonly string[]).map((setting) => context.setting(setting)),
    ]
    const size = text('size') === undefined ? {} : { size: sizeOf(text('size')) }
    const corpus = await openCorpus(context.path(text('data')!), {
      ...(valid === undefined ? {} : { valid: context.path(valid) }),
      ...(split === undefined ? {} : { split }),
    })
    const reference = await referenceOf(options, corpus, context)
    const plan = {
      ...size,
      iterations: numberOf('iterations', text('iterations'), 1),
      ...numbers('clusters'),
      ...numbers('layers'),
      ...numbers('samples'),
      ...numbers('steps'),
      lastClusters: options.lastClusters !== false,
      clustering: { seed: numberOf('seed', text('seed'), 0) },
      recipe,
    }
    // What is wrong with it is said before the engine starts.
    const devices = Math.max(...planIterations(plan).map(({ recipe }) => recipe.devices))
    const engine = await context.startEngine({ training: true, devices })
    const working = hubertIterations({
      ...plan,
      directory: context.path(text('out')!),
      train: corpus.train,
      ...(corpus.valid ? { valid: corpus.valid } : {}),
      ...(reference ? { reference } : {}),
      ...(from === undefined ? {} : { from }),
      fresh: options.fresh === true,
      listener: context,
      onProgress: context.trainingProgress,
      engine: engine.description,
      ...(context.signal ? { signal: context.signal } : {}),
    })
    const { iterations, summary, report } = await working.finally(() => {
      if (context.signal?.aborted) context.note('What is complete stays; the same command goes on.')
    })
    return {
      text: `${stageTable(summary)}\n\n${iterationsTable(iterations)}\n\nReport: ${report}\n`,
      json: { iterations, seconds: summary.seconds, report },
    }
  },
}
