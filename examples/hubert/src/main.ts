import { join, resolve } from 'node:path'
import { formatDuration, loadEngine, openStages, stageTable, terminalProgress, writeFileAtomic } from '@babble/core'
import { findCorpus, heading, loadParts, machine, runProgram, say, taskProgress } from '@babble/example-common'
import { type HubertArguments, helpText, parseArguments } from './arguments'
import { runRecipe } from './recipe'
import { hubertReport } from './report/report'
import { exampleSettings } from './settings'
import { errorTable, qualityTable, tableText } from './tables'

/** Does all stages. @returns true: told to stop, it throws. */
const run = async (args: HubertArguments, signal: AbortSignal): Promise<boolean> => {
  const settings = exampleSettings(args.quick)
  const { seed, fresh, from } = args
  const startedAt = performance.now()
  const engine = await loadEngine({ install: true })
  const onTask = taskProgress()
  const corpus = await findCorpus({
    ...(args.data === undefined ? {} : { data: resolve(args.data) }),
    signal,
    onProgress: onTask,
    onNote: say,
  })
  say(`Data: ${corpus.source}`)
  const directory = resolve(args.out)
  const listener = { note: say, progress: onTask }
  await using stages = await openStages(directory, {
    listener,
    signal,
    fresh,
    ...(from === undefined ? {} : { from }),
  })
  try {
    const outcome = await runRecipe(stages, {
      settings,
      seed,
      corpus,
      load: () => loadParts(corpus, settings.sampleRate, onTask),
      onProgress: terminalProgress(),
      heading,
    })
    const summary = await stages.summary()
    const report = join(directory, 'report.html')
    const page = await hubertReport({
      outcome,
      summary,
      corpus,
      settings,
      seed,
      quick: args.quick,
      machine: [`Engine: ${engine.description}.`, machine()],
    })
    await writeFileAtomic(report, page)
    heading('Stages')
    process.stdout.write(`${stageTable(summary)}\n\n`)
    process.stdout.write(`${tableText(qualityTable(outcome, settings))}\n`)
    process.stdout.write(tableText(errorTable(outcome)))
    if (corpus.synthetic) say('The recordings are SYNTHETIC: these are error rates on a machine voice, not on people.')
    say(`\nReport: ${report}`)
    say(`Done in ${formatDuration((performance.now() - startedAt) / 1000)}`)
    return true
  } catch (error) {
    if (signal.aborted) say(`\nInterrupted. All is saved in ${args.out}: give the same command again to go on.`)
    throw error
  }
}

await runProgram({ helpText, parse: parseArguments, run })
