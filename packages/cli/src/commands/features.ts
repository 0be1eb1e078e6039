import {
  ConfigError,
  dumpFeatures,
  type FeatureSource,
  type FrontEndConfig,
  frontEndSchema,
  frontEndSource,
  mergeRecipe,
  openManifest,
  openModel,
  PluginError,
} from '@babble/core'
import type { Command } from 'commander'
import { exitCodes, UsageError } from '../exit-codes'
import { addCommonOptions, addEngineOptions, type CommonOptions, type EngineOptions, type Session } from '../session'
import { parseSetting } from '../yaml-recipe'
import type { SessionMaker } from './train'
import { wholeNumber } from './transcribe'

interface FeaturesOptions extends CommonOptions, EngineOptions {
  readonly data: string
  readonly out: string
  readonly split?: string
  readonly part?: string
  readonly model?: string
  readonly layer?: string
  readonly batch?: string
  readonly set?: readonly string[]
}

/** Names of the front ends. */
const frontEnds = frontEndSchema.options.flatMap(({ shape }) => [...shape.type.values])

const partOf = (text: string): { rank: number; parts: number } => {
  const [, rank, parts] = /^(\d+)\/(\d+)$/.exec(text) ?? []
  if (rank === undefined) throw new UsageError(`--part is "${text}".`, { field: 'part', cure: 'Write it as 0/4.' })
  return { rank: Number(rank), parts: Number(parts) }
}

const openSource = async (kind: string, options: FeaturesOptions, session: Session): Promise<FeatureSource> => {
  const settings = (options.set ?? []).map(parseSetting)
  if (kind !== 'model') {
    for (const name of ['model', 'layer', 'batch'] as const) {
      if (options[name] !== undefined) {
        throw new UsageError(`--${name} goes with "babble features model", not with ${kind}.`, { field: name })
      }
    }
    // makeFrontEnd checks what a setting may be.
    const config = settings.reduce<unknown>((base, { values }) => mergeRecipe(base, values), { type: kind })
    return frontEndSource(config as FrontEndConfig)
  }
  if (settings.length > 0) throw new ConfigError('--set goes with a front end, not with a model.', { field: 'set' })
  if (options.model === undefined) {
    throw new UsageError('there is no model.', {
      field: 'model',
      cure: 'Name its folder, or that of a run, with --model.',
    })
  }
  const { plugin, directory } = await openModel(session.path(options.model), session.plugins)
  if (!plugin.loadFeatures) {
    throw new PluginError(`${plugin.title} gives no features.`, { file: options.model, cure: 'Name another model.' })
  }
  await session.startEngine(options)
  return plugin.loadFeatures(directory, {
    ...(options.layer === undefined ? {} : { layer: wholeNumber('--layer', options.layer, 0) }),
    ...(options.batch === undefined ? {} : { batchSize: wholeNumber('--batch', options.batch) }),
  })
}

const features = async (kind: string, options: FeaturesOptions, session: Session): Promise<number> => {
  const part = options.part === undefined ? undefined : partOf(options.part)
  const manifest = await openManifest(
    session.path(options.data),
    options.split === undefined ? {} : { split: options.split },
  )
  const source = await openSource(kind, options, session)
  const { signal } = session.io
  try {
    const dump = await dumpFeatures(
      source,
      manifest,
      {
        output: session.path(options.out),
        ...(options.split === undefined ? {} : { split: options.split }),
        ...(part ? { part } : {}),
        ...(signal ? { signal } : {}),
      },
      session,
    )
    const { utterances, frames, dim, frameRate, file } = dump
    session.result(
      `${dump.source}: ${utterances} utterances, ${frames} frames of ${dim} numbers, ${frameRate} a second: ${file}\n`,
      dump,
    )
  } finally {
    source.dispose()
  }
  return exitCodes.ok
}

export const addFeaturesCommand = (program: Command, session: SessionMaker): void => {
  const command = program
    .command('features')
    .description("Write the features of recordings to disk: of a front end, or of a model's layer")
    .addArgument(program.createArgument('<source>', 'a front end, or "model"').choices([...frontEnds, 'model']))
    .requiredOption('--data <path>', 'manifest, or folder of a prepared corpus')
    .requiredOption('--out <folder>', 'folder of the dump: SPLIT_0_1.npy and SPLIT_0_1.len')
    .option('--split <name>', 'part of the corpus, which names the dump too')
    .option(
      '--part <rank/parts>',
      'only a part of the recordings, such as 0/4, so that several processes share the work',
    )
    .option(
      '--set <key=value>',
      'setting of the front end; may be repeated',
      (value: string, before: string[] = []) => [...before, value],
    )
    .option('--model <folder>', 'model, or run')
    .option('--layer <number>', "0 is what the Transformer is given, n the output of its block n (default: the last's)")
    .option('--batch <number>', 'recordings at a time')
    .addHelpText(
      'after',
      `
Examples:
  babble features hubert-mfcc --data corpus --split train --out features/mfcc
  babble features fbank --data corpus --split train --out features/fbank --set melBins=40 --set deltas=true
  babble features model --model runs/hubert --layer 6 --data corpus --split train --out features/layer6
`,
    )
  addCommonOptions(addEngineOptions(command)).action((kind: string, options: FeaturesOptions) =>
    session.run(options, (active) => features(kind, options, active)),
  )
}
