import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Contestant, ContestantError, type Launch } from './contestant'
import { threadVariables } from './contestants'
import { prepareFrames } from './kmeans/data'
import { type KMeansAnswer, type KMeansTask, kmeansTasks } from './kmeans/protocol'
import { describeMachine } from './machine'
import { commandLine, OptionError, threadsOption, wholeNumber } from './options'
import { pythonForPeers } from './python-environment'
import { kmeansRows } from './report/kmeans-rows'
import type { KMeansRecord, KMeansTimes } from './report/records'
import { textTable } from './report/text-table'
import { agree, median, ratioOfRounds } from './statistics'

const help = `Times k-means of Babble beside scikit-learn's, each in a process of its own, in turns.

  --frames N      frames (default 1000000)
  --dim N         numbers of a frame (default 768)
  --clusters N    (default 500)
  --batch N       frames of a mini-batch (default 10000)
  --tasks LIST    of ${kmeansTasks.join(', ')} (default: all)
  --data PATH     where the frames are written, and kept, without an ending (default: a folder of the system's, removed at the end)
  --in-memory     both hold the frames in memory; else Babble streams the file and scikit-learn maps it into memory
  --threads N     threads of each contestant (default: all cores)
  --rounds N      rounds; in each, both run each task once, after one round that does not count (default 5)
  --no-save       do not write bench/results/<date>-kmeans.json
`

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '1000000' },
    dim: { type: 'string', default: '768' },
    clusters: { type: 'string', default: '500' },
    batch: { type: 'string', default: '10000' },
    tasks: { type: 'string', default: kmeansTasks.join(',') },
    data: { type: 'string' },
    'in-memory': { type: 'boolean', default: false },
    threads: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    'no-save': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const tasksOption = (text: string): KMeansTask[] => {
  const wanted = text.split(',')
  const unknown = wanted.find((name) => !kmeansTasks.some((task) => task === name))
  if (unknown !== undefined) throw new OptionError(`--tasks takes ${kmeansTasks.join(', ')}, not "${unknown}".`)
  return kmeansTasks.filter((task) => wanted.includes(task))
}

const runKMeans = async (): Promise<void> => {
  const shape = {
    frames: wholeNumber('frames', values.frames, 1),
    dim: wholeNumber('dim', values.dim, 1),
    clusters: wholeNumber('clusters', values.clusters, 1),
  }
  const batchFrames = wholeNumber('batch', values.batch, 1)
  const rounds = wholeNumber('rounds', values.rounds, 1)
  const threads = threadsOption(values.threads)
  const tasks = tasksOption(values.tasks)
  const inMemory = values['in-memory']
  const benchFolder = fileURLToPath(new URL('..', import.meta.url))
  const folder = values.data === undefined ? join(tmpdir(), `babble-kmeans-${process.pid}`) : undefined
  const { framesPath, initPath } = await prepareFrames(values.data ?? join(folder!, 'frames'), shape)
  const env = threadVariables(threads)
  const launches: Launch[] = [
    {
      title: 'Babble',
      command: process.execPath,
      args: [
        join(benchFolder, 'dist', 'kmeans-worker.js'),
        JSON.stringify({ framesPath, initPath, batchFrames, threads, inMemory }),
      ],
      env,
    },
    {
      title: 'scikit-learn',
      command: pythonForPeers(benchFolder),
      args: [
        join(benchFolder, 'python', 'kmeans.py'),
        ...['--frames', framesPath, '--init', initPath, '--batch', String(batchFrames), '--threads', String(threads)],
        ...(inMemory ? ['--in-memory'] : []),
      ],
      env,
    },
  ]
  const started: { contestant: Contestant; name: string }[] = []
  const answers = new Map(tasks.map((task) => [task, [[], []] as [KMeansAnswer[], KMeansAnswer[]]]))
  try {
    for (const launch of launches) {
      const { contestant, introduction } = await Contestant.start(launch)
      started.push({ contestant, name: introduction.name })
      console.log(`${launch.title}: ${introduction.name}`)
    }
    for (let round = -1; round < rounds; round++) {
      for (const task of tasks) {
        // Who begins changes from round to round, so that a drift of the machine favours nobody.
        for (const side of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
          const answer = await started[side]!.contestant.ask<KMeansAnswer>({ task })
          if (round >= 0) answers.get(task)![side].push(answer)
        }
      }
      if (round < 0) continue
      const line = tasks.map(
        (task) =>
          `${task} ${answers
            .get(task)!
            .map((side) => `${side[round]!.seconds.toFixed(2)} s`)
            .join(' / ')}`,
      )
      console.log(`round ${round + 1} (Babble / scikit-learn): ${line.join(', ')}`)
    }
  } finally {
    for (const { contestant } of started) contestant.stop()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
  const date = new Date().toISOString()
  const record: KMeansRecord = {
    kind: 'kmeans',
    date,
    command: commandLine('bench:kmeans', process.argv.slice(2)),
    machine: describeMachine(),
    device: 'cpu',
    precision: 'float32',
    threads,
    absent: {},
    ...shape,
    batchFrames,
    inMemory,
    contestants: { ours: started[0]!.name, sklearn: started[1]!.name },
    results: tasks.map((task) => ({ task, ...timesOf(answers.get(task)!) })),
  }
  console.log(`\n${textTable(kmeansRows(record))}`)
  console.log(
    '\n"ratio": scikit-learn\'s time over Babble\'s in the same round; above 1 Babble is faster. ≠: another result.',
  )
  if (values['no-save']) return
  const path = join(benchFolder, 'results', `${date.slice(0, 10)}-kmeans${inMemory ? '-in-memory' : ''}.json`)
  await mkdir(join(benchFolder, 'results'), { recursive: true })
  await writeFile(path, `${JSON.stringify(record, null, 2)}\n`)
  console.log(`Written to ${path}`)
}

const timesOf = ([ours, sklearn]: readonly [readonly KMeansAnswer[], readonly KMeansAnswer[]]): KMeansTimes => {
  const seconds = (answers: readonly KMeansAnswer[]) => answers.map((answer) => answer.seconds)
  const side = (answers: readonly KMeansAnswer[]) => ({
    medianSeconds: median(seconds(answers)),
    seconds: seconds(answers),
    peakRssBytes: Math.max(...answers.map(({ peakRssBytes }) => peakRssBytes)),
  })
  const ratio = ratioOfRounds(
    seconds(sklearn).map((value) => [value]),
    seconds(ours).map((value) => [value]),
  )
  return {
    ours: side(ours),
    sklearn: side(sklearn),
    ratio: ratio!,
    agrees: agree([ours[0]!.checksum], [sklearn[0]!.checksum], 1e-4),
  }
}

if (values.help) console.log(help)
else {
  await runKMeans().catch((error: unknown) => {
    if (!(error instanceof OptionError || error instanceof ContestantError)) throw error
    console.error(error.message)
    process.exitCode = 2
  })
}
