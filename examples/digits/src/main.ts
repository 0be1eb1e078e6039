import { resolve } from 'node:path'
import { formatDuration, loadEngine, terminalProgress, writeFileAtomic } from '@babble/core'
import {
  errorRate,
  findCorpus,
  heading,
  loadParts,
  machine,
  percent,
  runProgram,
  say,
  taskProgress,
} from '@babble/example-common'
import { type DemoArguments, helpText, parseArguments } from './arguments'
import { type ComparisonRow, compare } from './compare'
import { finetune } from './finetune'
import { pretrain } from './pretrain'
import { demoReport } from './report'
import { RunFolder } from './run-folder'
import { demoSettings } from './settings'

/** Changes when the demo comes to do something else with the same settings, so that it does not go on with an older run. */
const version = 1

/** Does the demo. @returns whether it came to its end. */
const run = async (args: DemoArguments, signal: AbortSignal): Promise<boolean> => {
  const settings = demoSettings(args.quick)
  const { seed } = args
  const startedAt = performance.now()
  const engine = await loadEngine({ install: true })
  const onTask = taskProgress()
  heading('Recordings')
  const corpus = await findCorpus({
    ...(args.data === undefined ? {} : { data: resolve(args.data) }),
    signal,
    onProgress: onTask,
    onNote: say,
  })
  say(`Data: ${corpus.source}`)

  const identity = {
    version,
    settings,
    seed,
    compare: args.compare,
    corpus: corpus.clips.map(({ path, text, split }) => [path, text, split]),
  }
  const folder = await RunFolder.open(resolve(args.out), identity, args.fresh)
  if (folder.resumed) say(`Going on with the run in ${args.out}`)
  const parts = await loadParts(corpus, settings.sampleRate, onTask)
  const { train, valid, test } = parts

  const interrupted = () => {
    say(`\nInterrupted. All is saved in ${args.out}: give the same command again to go on.`)
    return false
  }
  const stage = (name: string) => ({
    settings,
    seed,
    directory: folder.at(name),
    onProgress: terminalProgress(),
    signal,
  })

  heading(`Pre-training without labels, ${settings.pretraining.steps} updates`)
  const pretrained = folder.at('pretrained')
  const pretraining = await folder.timed('pre-training', () => pretrain(train, pretrained, stage('pretraining')))
  if (!pretraining || signal.aborted) return interrupted()
  const used = pretraining.codebooks.perplexities.map((perplexity) => perplexity.toFixed(1)).join(' and ')
  say(`Codes in use: ${used} of ${settings.config.numCodevectorsPerGroup} in each codebook (perplexity)`)

  heading(`Fine-tuning with labels, ${settings.finetuning.steps} updates`)
  const finetuning = await folder.timed('fine-tuning', () =>
    finetune(train, { ...stage('finetuning'), pretrained, saveTo: folder.at('model'), valid, test }),
  )
  if (!finetuning || signal.aborted) return interrupted()

  let comparison: ComparisonRow[] | undefined
  if (args.compare) {
    const options = {
      ...stage('compare'),
      pretrained,
      valid,
      test,
      done: finetuning,
      onStart: (name: string) => heading(`Comparison: ${name}`),
    }
    comparison = await folder.timed('comparison', () => compare(train, options))
    if (!comparison) return interrupted()
  }

  const report = folder.at('report.html')
  const page = demoReport({
    corpus,
    recordings: parts,
    settings,
    seed,
    quick: args.quick,
    pretraining,
    finetuning,
    ...(comparison ? { comparison } : {}),
    seconds: folder.seconds,
    machine: [`Engine: ${engine.description}.`, machine()],
  })
  await writeFileAtomic(report, page)
  await folder.finish()

  heading('Word error rates')
  const rates = comparison ?? [
    { name: 'pre-trained, all labels', valid: errorRate(finetuning.valid).rate, test: errorRate(finetuning.test).rate },
  ]
  const width = Math.max(...rates.map(({ name }) => name.length))
  const line = (...cells: [string, string, string]) =>
    `${cells[0].padEnd(width)}  ${cells[1].padStart(13)}  ${cells[2].padStart(14)}\n`
  process.stdout.write(line('', 'seen speakers', 'unseen speaker'))
  for (const { name, valid, test } of rates) process.stdout.write(line(name, percent(valid), percent(test)))
  if (corpus.synthetic) say('The recordings are SYNTHETIC: these are error rates on a machine voice, not on people.')
  say(`\nModel: ${folder.at('model')}`)
  say(`Report: ${report}`)
  say(`Done in ${formatDuration((performance.now() - startedAt) / 1000)}`)
  return true
}

await runProgram({ helpText, parse: parseArguments, run })
