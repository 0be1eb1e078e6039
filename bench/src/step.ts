import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { StepChecks } from './agreement'
import { checkSteps, isComparable } from './check-steps'
import { ContestantError, type Launch } from './contestant'
import { launchOf } from './contestants'
import { describeMachine } from './machine'
import {
  commandLine,
  contestantsOption,
  deviceOption,
  OptionError,
  precisionOption,
  threadsOption,
  wholeNumber,
} from './options'
import { freshProgramCache } from './program-cache'
import { agreementLines } from './report/agreement-text'
import type { Preparation, StepContestant, StepRecord } from './report/records'
import { stepRows } from './report/step-rows'
import { textTable } from './report/text-table'
import { type ContestantKey, contestantKeys, titles } from './settings'
import { readSpecification, SpecificationError } from './specification'
import { median } from './statistics'
import { makeStepFolder, type StepFiles } from './step-files'
import { secondsOf, summarise, Trainee } from './step-race'

const help = `Times one training step of Babble beside PyTorch's, each contestant in a process of its own, in turns.

  --config NAME       a file of bench/configs: wav2vec2-base (pre-training, default), hubert-base (pre-training)
                      or wav2vec2-base-ctc (fine-tuning)
  --contestants LIST  of ${contestantKeys.join(', ')}
                      (default: ours,pytorch,pytorch-compile; wasm takes minutes a step: give it --rounds 1 --steps 1 --warmup 0)
  --device DEVICE     cpu (default) or cuda
  --precision P       float32 (default) or bf16
  --threads N         threads of each contestant (default: all cores)
  --rounds N          rounds; in each, every contestant runs its steps in turn (default 6)
  --steps N           steps of each contestant in a round (default 3)
  --warmup N          steps of each after its first one and before the rounds: page faults, PyTorch's recompiling (default 4)
  --no-check          do not compare the first steps of Babble and PyTorch without dropout
  --no-save           do not write bench/results/<date>-<config>-step.json
`

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: 'wav2vec2-base' },
    contestants: { type: 'string', default: 'ours,pytorch,pytorch-compile' },
    device: { type: 'string', default: 'cpu' },
    precision: { type: 'string', default: 'float32' },
    threads: { type: 'string' },
    rounds: { type: 'string', default: '6' },
    steps: { type: 'string', default: '3' },
    warmup: { type: 'string', default: '4' },
    'no-check': { type: 'boolean', default: false },
    'no-save': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const runSteps = async (): Promise<void> => {
  const settings = {
    device: deviceOption(values.device),
    precision: precisionOption(values.precision),
    threads: threadsOption(values.threads),
  }
  const [rounds, steps] = [wholeNumber('rounds', values.rounds, 1), wholeNumber('steps', values.steps, 1)]
  const warmup = wholeNumber('warmup', values.warmup, 0)
  const benchFolder = fileURLToPath(new URL('..', import.meta.url))
  const configPath = join(benchFolder, 'configs', `${values.config}.json`)
  const specification = await readSpecification(configPath)

  const trainees: Trainee[] = []
  const cached: Partial<Record<ContestantKey, Preparation>> = {}
  const absent: Partial<Record<ContestantKey, string>> = {}
  const keys = contestantsOption(values.contestants)
  const folder = await makeStepFolder(specification, configPath)
  const cache = await freshProgramCache()
  let checks: StepChecks | undefined
  const launchWith = (key: ContestantKey, files: StepFiles): Launch => {
    const plain = launchOf(key, { kind: 'step', files }, { ...settings, benchFolder })
    return { ...plain, env: { ...plain.env, ...cache.env } }
  }
  try {
    if (!values['no-check'] && isComparable(specification)) {
      checks = await checkSteps(keys, (key) => launchWith(key, folder.checkFiles))
      for (const line of agreementLines({ precision: settings.precision, ...(checks && { checks }) })) console.log(line)
    }
    for (const key of keys) {
      const launch = launchWith(key, folder.files)
      try {
        const trainee = await Trainee.start(key, launch)
        trainees.push(trainee)
        const { introduction, preparation } = trainee
        console.log(
          `${introduction.name}: ${(introduction.parameters / 1e6).toFixed(1)} M parameters, first step ${preparation.firstStepSeconds.toFixed(1)} s`,
        )
        if (key === 'ours') {
          const second = await Trainee.start(key, launch)
          second.stop()
          cached[key] = second.preparation
          console.log(`  in a second process ${second.preparation.firstStepSeconds.toFixed(1)} s`)
        }
        if (warmup > 0) await trainee.run(warmup)
      } catch (error) {
        if (!(error instanceof ContestantError)) throw error
        absent[key] = error.message
        console.log(`Left out: ${error.message}`)
      }
    }
    for (let round = 0; round < rounds; round++) {
      // Who begins changes from round to round, so that a drift of the machine favours nobody.
      for (const trainee of round % 2 === 0 ? trainees : [...trainees].reverse())
        trainee.rounds.push([...(await trainee.run(steps))])
      const times = trainees.map(
        ({ key, rounds: all }) => `${titles[key]} ${median(secondsOf(all[round]!)).toFixed(3)} s`,
      )
      console.log(`round ${round + 1}: ${times.join(', ')}`)
    }
  } finally {
    for (const trainee of trainees) trainee.stop()
    await cache.remove()
    await folder.remove()
  }
  if (trainees.length === 0) throw new ContestantError('no contestant could start.')

  const ours = trainees.find(({ key }) => key === 'ours')
  const contestants: Partial<Record<ContestantKey, StepContestant>> = {}
  for (const trainee of trainees) contestants[trainee.key] = summarise(trainee, ours, cached[trainee.key])
  const date = new Date().toISOString()
  const record: StepRecord = {
    kind: 'step',
    date,
    command: commandLine('bench', process.argv.slice(2)),
    machine: describeMachine(),
    ...settings,
    specification,
    contestants,
    ...(checks && { checks }),
    absent,
  }
  console.log(`\n${textTable(stepRows(record))}`)
  console.log('\n"over Babble": above 1 Babble is faster, or smaller.')
  if (values['no-save']) return
  const variant = [settings.device, settings.precision].filter((name) => name !== 'cpu' && name !== 'float32')
  const file = [date.slice(0, 10), specification.name, 'step', ...variant].join('-')
  const path = join(benchFolder, 'results', `${file}.json`)
  await mkdir(join(benchFolder, 'results'), { recursive: true })
  await writeFile(path, `${JSON.stringify(record, null, 2)}\n`)
  console.log(`Written to ${path}`)
}

if (values.help) console.log(help)
else {
  await runSteps().catch((error: unknown) => {
    const expected = [OptionError, SpecificationError, ContestantError].some((kind) => error instanceof kind)
    if (!expected) throw error
    console.error((error as Error).message)
    process.exitCode = 2
  })
}
