import { peakOf } from '../ops/peak'
import { type ContestantKey, contestantKeys, titles } from '../settings'
import { agreementLines } from './agreement-text'
import { kmeansRows } from './kmeans-rows'
import { contestantsOf, opRows, shortNumber } from './op-rows'
import type { KMeansRecord, OpsRecord, ResultRecord, StepRecord } from './records'
import { contestantsOfStep, stepRows } from './step-rows'
import { markdownTable } from './text-table'

const where = ({ machine, threads, device, precision }: ResultRecord): string => {
  const memory = `${Math.round(machine.memoryBytes / 2 ** 30)} GiB`
  return `${machine.cpu}, ${machine.cores} cores, ${memory}, ${machine.system}, Node ${machine.node}; ${device}, ${precision}, ${threads} threads each`
}

const absentees = ({ absent }: ResultRecord): string[] =>
  contestantKeys.flatMap((key) => (absent[key] === undefined ? [] : [`- left out: ${absent[key]}`]))

/** The facts under which the table of a run stands. */
const facts = (record: ResultRecord, names: readonly (readonly [ContestantKey, string])[]): string =>
  [
    `- \`${record.command}\``,
    `- ${where(record)}`,
    ...names.map(([key, name]) => `- ${titles[key]}: ${name}`),
    ...absentees(record),
  ].join('\n')

const day = ({ date }: ResultRecord): string => date.slice(0, 10)

const stepSection = (record: StepRecord): string => {
  const { specification } = record
  const { size, seconds } = specification.batch
  const names = contestantsOfStep(record).map(([key, { name }]) => [key, name] as const)
  return [
    `### ${day(record)}: ${specification.name}, ${specification.task}, ${size} x ${seconds} s, ${record.device}, ${record.precision}`,
    [facts(record, names), ...agreementLines(record).map((line) => `- ${line}`)].join('\n'),
    markdownTable(stepRows(record)),
  ].join('\n\n')
}

const opsSection = (record: OpsRecord): string => {
  const keys = contestantsOf(record)
  const peak = peakOf(record.results)
  const yardsticks = [
    ...(peak.flopsPerSecond === undefined
      ? []
      : [`largest square matrix product ${shortNumber(peak.flopsPerSecond / 1e9)} GFLOP/s`]),
    ...(peak.bytesPerSecond === undefined
      ? []
      : [`large array times 2 ${shortNumber(peak.bytesPerSecond / 1e9)} GB/s`]),
  ]
  const [head, ...body] = opRows(record)
  const lines = body.map((cells, index) => [
    ...cells,
    `\`npm run bench:ops -- ${opFlags(record, record.results[index]!.id)}\``,
  ])
  return [
    `### ${day(record)}: ops, ${record.device}, ${record.precision}`,
    `${facts(
      record,
      keys.map((key) => [key, record.contestants[key]!] as const),
    )}\n- 100 %: ${yardsticks.join(', ')} (the fastest contestant of the run)`,
    markdownTable([[...head!, 'again'], ...lines]),
  ].join('\n\n')
}

const kmeansSection = (record: KMeansRecord): string => {
  const { frames, dim, clusters, batchFrames, inMemory, contestants } = record
  const held = inMemory ? 'both hold the frames in memory' : 'Babble streams the file, scikit-learn maps it into memory'
  return [
    `### ${day(record)}: k-means, ${frames.toLocaleString('en')} frames x ${dim}, ${clusters} clusters`,
    `${facts(record, [['ours', contestants.ours]])}\n- scikit-learn: ${contestants.sklearn}\n- ${held}; mini-batches of ${batchFrames.toLocaleString('en')} frames`,
    markdownTable(kmeansRows(record)),
  ].join('\n\n')
}

/** What runs one line of a table again: the op by its name, under the run's device, precision and threads. */
const opFlags = ({ device, precision, threads }: OpsRecord, id: string): string =>
  [
    `--filter "${id}"`,
    `--threads ${threads}`,
    ...(device === 'cpu' ? [] : [`--device ${device}`]),
    ...(precision === 'float32' ? [] : [`--precision ${precision}`]),
    '--no-save',
  ].join(' ')

/** `bench/RESULTS.md`: every run on file, the latest first. */
export const resultsPage = (records: readonly ResultRecord[]): string => {
  const latestFirst = [...records].sort((left, right) => right.date.localeCompare(left.date))
  const steps = latestFirst.filter((record) => record.kind === 'step')
  const ops = latestFirst.filter((record) => record.kind === 'ops')
  const kmeans = latestFirst.filter((record) => record.kind === 'kmeans')
  const none = 'No run is on file.'
  return `${[
    '# Results',
    'Made by `npm run bench:table` from the files of [results](results); what is compared and how is said in the [README](README.md). Each table names the command that measures it again.',
    '## Training steps',
    'Median seconds of a step, from a batch in memory until the loss is on the host. "over Babble": a contestant\'s time or memory divided by Babble\'s in the same round, median over the rounds; above 1 Babble is faster, or smaller. "host": until the call came back, the device still computing. "from disk": the first step of a second process, which finds the compiled program in the cache.',
    ...(steps.length > 0 ? steps.map(stepSection) : [none]),
    '## Ops',
    "Median milliseconds of a call, in brackets over Babble's. Rates count the work that the op needs at least, not what an implementation does. ≠: a result other than Babble's; –: no time, because the op failed or took too long.",
    ...(ops.length > 0 ? ops.map(opsSection) : [none]),
    '## k-means',
    "Median seconds. \"ratio\": scikit-learn's time over Babble's in the same round, median over the rounds; above 1 Babble is faster. \"fastest\" and memory: Babble's / scikit-learn's. ≠: other centroids than Babble's.",
    ...(kmeans.length > 0 ? kmeans.map(kmeansSection) : [none]),
  ].join('\n\n')}\n`
}
