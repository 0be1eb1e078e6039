import { join, relative } from 'node:path'
import {
  ConfigError,
  fingerprintFile,
  type ModelPlugin,
  openCorpus,
  openRunFolder,
  pluginNamed,
  type RecipeLayer,
  resolveModelDirectory,
  resolveRecipe,
  runTraining,
  type TrainingOutcome,
  type TrainingTask,
  writeFileAtomic,
} from '@babble/core'
import type { Command } from 'commander'
import { exitCodes, UsageError } from '../exit-codes'
import { printRecipe } from '../print-recipe'
import { addCommonOptions, addEngineOptions, type CommonOptions, type EngineOptions, type Session } from '../session'
import { parseSetting, readRecipeFile, setting } from '../yaml-recipe'

export type TaskName = 'pretrain' | 'finetune'

interface TrainOptions extends CommonOptions, EngineOptions {
  readonly data?: string
  readonly valid?: string
  readonly split?: string
  readonly textFrom?: string
  readonly from?: string
  readonly recipe?: string
  readonly set?: readonly string[]
  readonly out?: string
  readonly fresh?: boolean
  readonly printRecipe?: boolean
  readonly [choice: string]: unknown
}

/** Options that are keys of the recipe. */
const shortcuts = [
  { flags: '--steps <number>', option: 'steps', key: 'maxSteps', description: 'updates in all' },
  { flags: '--seed <number>', option: 'seed', key: 'seed', description: 'seed of all randomness' },
  {
    flags: '--precision <name>',
    option: 'precision',
    key: 'precision',
    description: 'float32, or bf16 for what can be in bfloat16',
  },
  { flags: '--devices <number>', option: 'devices', key: 'devices', description: 'devices that share each batch' },
  {
    flags: '--accumulate <number>',
    option: 'accumulate',
    key: 'accumulate',
    description: 'parts that each batch is computed in, one after the other, where memory is short',
  },
] as const

/** `labelled` is `--labelled`; a key of several words has hyphens. */
const flagOf = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** What the options say of the recipe, each as a layer of its own, so that messages name the option. */
const layersOf = async (options: TrainOptions, task: TrainingTask, session: Session): Promise<RecipeLayer[]> => {
  const layers: RecipeLayer[] = []
  if (options.recipe !== undefined) layers.push(await readRecipeFile(session.path(options.recipe), options.recipe))
  for (const key of Object.keys(task.choices)) {
    if (options[key] !== undefined) layers.push(setting([key], options[key], flagOf(key)))
  }
  for (const key of Object.keys(task.options ?? {})) {
    if (options[key] !== undefined) layers.push(setting([key], options[key], flagOf(key)))
  }
  for (const { option, key } of shortcuts) {
    const given = options[option]
    if (given === undefined) continue
    // What is no number stays a text, and is refused with the others.
    const number = Number(given)
    layers.push(setting([key], Number.isNaN(number) || given === '' ? given : number, `--${option}`))
  }
  return [...layers, ...(options.set ?? []).map(parseSetting)]
}

const train = async (plugin: ModelPlugin, name: TaskName, options: TrainOptions, session: Session): Promise<number> => {
  const task = plugin[name]!
  const fixed = { model: plugin.name, task: name }
  const { recipe, choices } = resolveRecipe(task, await layersOf(options, task, session), fixed)
  const yaml = printRecipe({ ...recipe }, task, fixed)
  if (options.printRecipe) {
    session.result(yaml, { ...fixed, ...recipe })
    return exitCodes.ok
  }
  if (options.data === undefined) {
    throw new UsageError('there is nothing to train on.', { field: 'data', cure: 'Name a corpus with --data.' })
  }
  if (task.startsFrom === 'model' && options.from === undefined) {
    throw new UsageError('there is no model to start from.', {
      field: 'from',
      cure: 'Name a pre-trained model or run with --from.',
    })
  }
  const from = options.from === undefined ? undefined : await resolveModelDirectory(session.path(options.from))
  const corpus = await openCorpus(session.path(options.data), {
    ...(options.valid === undefined ? {} : { valid: session.path(options.valid) }),
    ...(options.split === undefined ? {} : { split: options.split }),
    ...(options.textFrom === undefined ? {} : { textFrom: options.textFrom }),
  })
  const files: Record<string, string> = {}
  for (const path of task.files?.(recipe) ?? []) files[path] = (await fingerprintFile(session.path(path))).sha256
  const size = choices.size === undefined ? '' : `-${choices.size}`
  const directory = session.path(options.out ?? join('runs', `${plugin.name}-${name}${size}`))
  const identity = {
    ...fixed,
    recipe,
    data: { ...corpus.fingerprint, ...(Object.keys(files).length > 0 ? { files } : {}) },
    ...(from === undefined ? {} : { from }),
  }
  const { resumes, aside } = await openRunFolder(directory, identity, options.fresh)
  if (aside !== undefined) session.note(`The earlier run is in ${shownPath(aside, session)}.`)
  await writeFileAtomic(join(directory, 'recipe.yaml'), yaml)
  const engine = await session.startEngine(options, { training: true, devices: recipe.devices })
  const held = corpus.valid === undefined ? '' : `, ${corpus.valid.length} held out`
  session.note(
    `${corpus.train.length} recordings to train on${held}; ${resumes ? 'going on with' : 'run in'} ${shownPath(directory, session)}`,
  )
  const { signal } = session.io
  const job = await task.build(recipe, {
    train: corpus.train,
    ...(corpus.valid === undefined ? {} : { valid: corpus.valid }),
    ...(from === undefined ? {} : { from }),
    ...(signal ? { signal } : {}),
    path: (path) => session.path(path),
    note: (text) => session.note(text),
    progress: (activity, done, total) => session.progress(activity, done, total),
  })
  let outcome: TrainingOutcome
  try {
    session.checkInterrupted()
    outcome = await runTraining(job, {
      identity,
      directory,
      title: `${plugin.title}: ${name === 'pretrain' ? 'pre-training' : 'fine-tuning'}`,
      engine: engine.description,
      onProgress: session.trainingProgress,
      ...(signal ? { signal } : {}),
    })
  } finally {
    job.dispose()
  }
  return report(outcome, directory, session)
}

const shownPath = (path: string, { io }: Session): string => relative(io.cwd, path) || '.'

const report = (outcome: TrainingOutcome, directory: string, session: Session): number => {
  const { status, step, history, skippedSteps, parameters, model, report } = outcome
  const last = (kind: 'train' | 'evaluation') => history.findLast((record) => record.kind === kind)?.metrics
  const [training, evaluation] = [last('train'), last('evaluation')]
  const json = {
    status,
    step,
    run: directory,
    parameters,
    skippedSteps,
    ...(model === undefined ? {} : { model }),
    report,
    ...(training ? { training } : {}),
    ...(evaluation ? { evaluation } : {}),
  }
  const figures = Object.entries(evaluation ?? { loss: training?.loss ?? Number.NaN })
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join(', ')
  const text =
    status === 'completed'
      ? `${step} updates done: ${figures}\nModel: ${shownPath(model!, session)}\nReport: ${shownPath(report, session)}\n`
      : `Interrupted after ${step} updates; the same command goes on.\n`
  session.result(text, json)
  if (status === 'completed') return exitCodes.ok
  return session.io.signal?.reason === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
}

const examples: Readonly<Record<TaskName, (model: string) => string>> = {
  pretrain: (model) => `
Examples:
  babble pretrain ${model} --data corpus --size tiny
  babble pretrain ${model} --data corpus --size tiny --steps 500 --set optimizer.learningRate=5e-4 --out runs/first
  babble pretrain ${model} --size base --print-recipe > recipe.yaml
  babble pretrain ${model} --data corpus --recipe recipe.yaml --precision bf16 --devices 4
`,
  finetune: (model) => `
Examples:
  babble finetune ${model} --from runs/first --data corpus --size tiny
  babble finetune ${model} --from wav2vec2-base --data corpus --labelled 1h --text-from ltr
  babble finetune ${model} --print-recipe
`,
}

const about: Readonly<Record<TaskName, string>> = {
  pretrain: 'Train a model on recordings without labels',
  finetune: 'Train a pre-trained model on transcribed recordings',
}

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value]

const addTrainOptions = (command: Command, task: TrainingTask): Command => {
  command
    .option('--data <path>', 'manifest, or folder of a prepared corpus')
    .option('--valid <manifest>', 'held-out recordings (default: those of the corpus, if it has any)')
    .option('--split <name>', 'part of the corpus to train on (default: train)')
  if (task.needsText) {
    command.option('--text-from <extension>', 'take transcripts from the label files beside the manifests, such as wrd')
  }
  if (task.startsFrom === 'model') command.option('--from <folder>', 'pre-trained model, or run, to start from')
  for (const [key, choice] of Object.entries(task.choices)) {
    const usual = typeof choice.default === 'string' ? ` (default: ${choice.default})` : ''
    command.option(`${flagOf(key)} <${key}>`, `${choice.description}: ${choice.values.join(', ')}${usual}`)
  }
  for (const [key, { value, description }] of Object.entries(task.options ?? {})) {
    command.option(`${flagOf(key)} ${value}`, description)
  }
  for (const { flags, description } of shortcuts) command.option(flags, description)
  command
    .option('--recipe <file>', 'YAML with what differs from the defaults')
    .option('--set <key=value>', 'one setting, over all others; may be repeated', collect)
    .option('--print-recipe', 'print the recipe in effect, and train nothing')
    .option(
      '--out <folder>',
      "the run's folder; a run that was begun there goes on (default: runs/<model>-<task>-<size>)",
    )
    .option('--fresh', 'put an earlier run in that folder aside, and begin anew')
  return addCommonOptions(addEngineOptions(command))
}

/** `babble pretrain <model>` and `babble finetune <model>`: a command for each installed model that has the task. */
export const addTrainCommand = (program: Command, name: TaskName, session: SessionMaker): void => {
  const parent = program
    .command(name)
    .description(`${about[name]}`)
    .argument('[model]')
    .usage('<model> [options]')
    .addHelpText('after', `${examples[name]('wav2vec2')}\nSee "babble ${name} <model> --help" for its options.\n`)
    .allowUnknownOption()
    .allowExcessArguments()
  addCommonOptions(parent)
  for (const { plugin } of session.plugins.plugins) {
    const task = plugin[name]
    if (!task) continue
    const { paper } = plugin
    const command = parent
      .command(plugin.name)
      .summary(`${plugin.title} (${paper.authors}): ${task.summary}`)
      .description(
        `${plugin.title}: ${task.summary}\n${paper.authors}, "${paper.title}", ${paper.url}\n\nSizes:\n${Object.entries(
          plugin.sizes,
        )
          .map(([size, words]) => `  ${size.padEnd(6)} ${words}`)
          .join('\n')}`,
      )
      .addHelpText(
        'after',
        task.examples
          ? `\nExamples:\n${task.examples.map((line) => `  ${line}\n`).join('')}`
          : examples[name](plugin.name),
      )
    addTrainOptions(command, task).action((options: TrainOptions) =>
      session.run(options, (active) => train(plugin, name, options, active)),
    )
  }
  parent.action((model: string | undefined, options: CommonOptions) =>
    session.run(options, async () => {
      if (model === undefined) {
        throw new UsageError('which model?', { field: 'model', cure: `See "babble ${name} --help".` })
      }
      const plugin = pluginNamed(model, session.plugins)
      throw new ConfigError(`${plugin.title} has no ${name}.`, { field: 'model', cure: 'Choose another model.' })
    }),
  )
}

/** Runs a command's work and keeps its exit code. */
export interface SessionMaker {
  readonly plugins: Session['plugins']
  run(options: CommonOptions, work: (session: Session) => Promise<number>): Promise<void>
}
