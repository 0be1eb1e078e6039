import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ContestantError } from './contestant'
import { launchOf } from './contestants'
import { describeMachine } from './machine'
import { catalogue } from './ops/catalogue'
import { type RaceOptions, Runner, race } from './ops/race'
import { select } from './ops/select'
import {
  commandLine,
  contestantsOption,
  deviceOption,
  OptionError,
  positiveNumber,
  precisionOption,
  threadsOption,
  wholeNumber,
} from './options'
import { opRows } from './report/op-rows'
import type { OpResult, OpsRecord } from './report/records'
import { textTable } from './report/text-table'
import { type ContestantKey, contestantKeys, titles } from './settings'

const help = `Times the ops that a wav2vec 2.0 step is made of, each contestant in a process of its own, in turns.

  --filter TEXT       only ops whose name has TEXT in it; several separated by commas (the two yardsticks always run)
  --list              print the names of all ops
  --contestants LIST  of ${contestantKeys.join(', ')} (default: all)
  --device DEVICE     cpu (default) or cuda
  --precision P       float32 (default) or bf16
  --threads N         threads of each contestant (default: all cores)
  --rounds N          rounds; in each, every contestant has its turn (default 5)
  --turn SECONDS      about how long a turn is (default 0.5)
  --patience SECONDS  for compiling an op and calling it three times; who takes longer has no time (default 60)
  --no-save           do not write bench/results/<date>-ops.json
`

const { values } = parseArgs({
  options: {
    filter: { type: 'string' },
    list: { type: 'boolean', default: false },
    contestants: { type: 'string', default: contestantKeys.join(',') },
    device: { type: 'string', default: 'cpu' },
    precision: { type: 'string', default: 'float32' },
    threads: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    turn: { type: 'string', default: '0.5' },
    patience: { type: 'string', default: '60' },
    'no-save': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const runOps = async (): Promise<void> => {
  const settings = {
    device: deviceOption(values.device),
    precision: precisionOption(values.precision),
    threads: threadsOption(values.threads),
  }
  const options: RaceOptions = {
    rounds: wholeNumber('rounds', values.rounds, 1),
    turnSeconds: positiveNumber('turn', values.turn),
    patience: positiveNumber('patience', values.patience),
    slowSeconds: 5,
    // Eight bits of mantissa: means of many values agree much better than single ones.
    leastTolerance: settings.precision === 'bf16' ? 0.02 : 0,
  }
  const cases = select(catalogue(), values.filter)
  const benchFolder = fileURLToPath(new URL('..', import.meta.url))

  const runners: Runner[] = []
  const contestants: Partial<Record<ContestantKey, string>> = {}
  const absent: Partial<Record<ContestantKey, string>> = {}
  const results: OpResult[] = []
  try {
    for (const key of contestantsOption(values.contestants)) {
      const runner = new Runner(key, launchOf(key, { kind: 'ops' }, { ...settings, benchFolder }))
      try {
        contestants[key] = (await runner.start()).name
        runners.push(runner)
        console.log(`${titles[key]}: ${contestants[key]}`)
      } catch (error) {
        if (!(error instanceof ContestantError)) throw error
        absent[key] = error.message
        console.log(`Left out: ${error.message}`)
      }
    }
    if (runners.length === 0) throw new ContestantError('no contestant could start.')
    for (const op of cases) {
      const result = await race(op, runners, options)
      results.push(result)
      const times = runners.map(({ key }) => {
        const of = result.times[key]
        return of ? `${titles[key]} ${(of.medianSeconds * 1000).toFixed(2)} ms` : result.missing[key]
      })
      console.log(`${op.id}: ${times.join(', ')}`)
    }
  } finally {
    for (const runner of runners) runner.stop()
  }

  const date = new Date().toISOString()
  const record: OpsRecord = {
    kind: 'ops',
    date,
    command: commandLine('bench:ops', process.argv.slice(2)),
    machine: describeMachine(),
    ...settings,
    contestants,
    absent,
    results,
  }
  console.log(`\n${textTable(opRows(record))}`)
  console.log(
    '\nIn brackets: time over that of Babble; above 1 Babble is faster. ≠: another result than that of Babble.',
  )
  if (values['no-save']) return
  const folder = join(benchFolder, 'results')
  const variant = [settings.device, settings.precision].filter((name) => name !== 'cpu' && name !== 'float32')
  const path = join(folder, `${[date.slice(0, 10), 'ops', ...variant].join('-')}.json`)
  await mkdir(folder, { recursive: true })
  await writeFile(path, `${JSON.stringify(record, null, 2)}\n`)
  console.log(`Written to ${path}`)
}

if (values.help) console.log(help)
else if (values.list) for (const { id } of catalogue()) console.log(id)
else {
  await runOps().catch((error: unknown) => {
    if (!(error instanceof OptionError || error instanceof ContestantError)) throw error
    console.error(error.message)
    process.exitCode = 2
  })
}
