import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Contestant, type Introduction, type StepTiming } from './contestant'
import { pythonForPeers } from './python-environment'
import { readSpecification } from './specification'
import { median } from './statistics'

const help = `Times one pre-training step of Babble beside PyTorch's, in turns, each side in a process of its own.

  --config NAME    a file of bench/configs (default wav2vec2-base)
  --rounds N       rounds; in each, both sides run their steps in turn (default 6)
  --steps N        steps of each side in a round (default 3)
  --warmup N       steps of each side before the first round: compiling, page faults (default 3)
  --threads N      threads for each side (default: each one's own choice)
  --only SIDE      ours or pytorch
  --compile        PyTorch under torch.compile
  --no-save        do not write bench/results/<date>-<config>-step.json
`

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: 'wav2vec2-base' },
    rounds: { type: 'string', default: '6' },
    steps: { type: 'string', default: '3' },
    warmup: { type: 'string', default: '3' },
    threads: { type: 'string' },
    only: { type: 'string' },
    compile: { type: 'boolean', default: false },
    'no-save': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

interface Side {
  readonly key: 'ours' | 'pytorch'
  readonly introduction: Introduction
  readonly contestant: Contestant
  readonly rounds: StepTiming[][]
}

const count = (name: 'rounds' | 'steps' | 'warmup' | 'threads', minimum: number): number => {
  const value = Number(values[name])
  if (!Number.isInteger(value) || value < minimum)
    throw new Error(`--${name} takes a whole number of at least ${minimum}.`)
  return value
}

const secondsOf = (timings: readonly StepTiming[]): number => median(timings.map(({ seconds }) => seconds))

const start = async (key: Side['key'], benchFolder: string, configPath: string): Promise<Side> => {
  const threads = values.threads === undefined ? undefined : String(count('threads', 1))
  const { contestant, introduction } =
    key === 'ours'
      ? // NPROC is what XLA's CPU client sizes its thread pool by.
        await Contestant.start(
          'Babble',
          process.execPath,
          [join(benchFolder, 'dist', 'ours.js'), configPath],
          threads ? { NPROC: threads } : {},
        )
      : await Contestant.start('PyTorch', pythonForPeers(benchFolder), [
          join(benchFolder, 'python', 'wav2vec2_pretraining_step.py'),
          '--config',
          configPath,
          ...(threads ? ['--threads', threads] : []),
          ...(values.compile ? ['--compile'] : []),
        ])
  return { key, introduction, contestant, rounds: [] }
}

const table = (sides: readonly Side[]): string => {
  const rows = sides.map(({ introduction, rounds }) => {
    const all = rounds.flat()
    return [
      introduction.name,
      (introduction.parameters / 1e6).toFixed(1),
      secondsOf(all).toFixed(3),
      Math.min(...all.map(({ seconds }) => seconds)).toFixed(3),
      (Math.max(...all.map(({ peakRssBytes }) => peakRssBytes)) / 2 ** 30).toFixed(2),
      all.at(-1)!.loss.toFixed(3),
    ]
  })
  const lines = [['', 'parameters, M', 'median step, s', 'fastest, s', 'peak memory, GiB', 'last loss'], ...rows]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  return lines
    .map((line) =>
      line.map((cell, column) => (column ? cell.padStart(widths[column]!) : cell.padEnd(widths[0]!))).join('  '),
    )
    .join('\n')
}

const main = async (): Promise<void> => {
  if (values.help) return console.log(help)
  const rounds = count('rounds', 1)
  const steps = count('steps', 1)
  const warmup = count('warmup', 1)
  if (values.only !== undefined && values.only !== 'ours' && values.only !== 'pytorch')
    throw new Error('--only takes ours or pytorch.')
  const benchFolder = fileURLToPath(new URL('..', import.meta.url))
  const configPath = join(benchFolder, 'configs', `${values.config}.json`)
  const specification = await readSpecification(configPath)

  const sides: Side[] = []
  try {
    for (const key of ['ours', 'pytorch'] as const) {
      if (values.only !== undefined && values.only !== key) continue
      const side = await start(key, benchFolder, configPath)
      sides.push(side)
      console.log(
        `${side.introduction.name}: ${(side.introduction.parameters / 1e6).toFixed(1)} M parameters, warming up`,
      )
      await side.contestant.run(warmup)
    }
    for (let round = 0; round < rounds; round++) {
      // Who begins changes from round to round, so that a drift of the machine favours nobody.
      for (const side of round % 2 === 0 ? sides : [...sides].reverse())
        side.rounds.push(await side.contestant.run(steps))
      console.log(
        `round ${round + 1}: ${sides.map((side) => `${side.key} ${secondsOf(side.rounds[round]!).toFixed(3)} s`).join(', ')}`,
      )
    }
  } finally {
    for (const { contestant } of sides) contestant.stop()
  }

  const [ours, peer] = [sides.find(({ key }) => key === 'ours'), sides.find(({ key }) => key === 'pytorch')]
  const ratios =
    ours && peer ? ours.rounds.map((timings, round) => secondsOf(peer.rounds[round]!) / secondsOf(timings)) : []
  console.log(`\n${table(sides)}`)
  if (ratios.length > 0) {
    const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
    console.log(
      `\nPyTorch / Babble: ${median(ratios).toFixed(2)} (median of ${rounds} rounds, ${range}); above 1 Babble is faster`,
    )
  }
  if (values['no-save']) return
  const date = new Date().toISOString()
  const suffix = values.only ? `-${values.only}` : ''
  const path = join(benchFolder, 'results', `${date.slice(0, 10)}-${specification.name}-step${suffix}.json`)
  const record = {
    date,
    command: `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim(),
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryBytes: totalmem(),
      system: `${type()} ${release()}`,
      node: process.version,
    },
    specification,
    ratio: ratios.length > 0 ? { median: median(ratios), rounds: ratios } : undefined,
    sides: sides.map(({ key, introduction: { ready: _, ...about }, rounds: timings }) => ({
      side: key,
      ...about,
      medianSeconds: secondsOf(timings.flat()),
      peakRssBytes: Math.max(...timings.flat().map(({ peakRssBytes }) => peakRssBytes)),
      rounds: timings,
    })),
  }
  await mkdir(join(benchFolder, 'results'), { recursive: true })
  await writeFile(path, `${JSON.stringify(record, null, 2)}\n`)
  console.log(`Written to ${path}`)
}

await main()
