import { statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, extname, isAbsolute, relative } from 'node:path'
import { readAudio } from '../audio/index'
import { writeFileAtomic } from '../checkpoint/index'
import { Codebook } from '../cluster/index'
import { decodeClip } from '../data/decode-clip'
import type { Manifest } from '../data/index'
import { ConfigError } from '../errors'
import { openManifest } from './corpus'
import type { Waveforms } from './feature-source'
import type { FeatureSource, LayerOptions, PluginCommand, PluginCommandContext } from './model-plugin'
import { openWholeDataset } from './open-dataset'
import { collapseUnits, extractUnits, type UnitSource, unitSource } from './units'

/** Recordings in an order, and what each is called in the output. */
interface NamedWaveforms extends Waveforms {
  name(index: number): string
  close?(): Promise<void>
}

const manifestEndings = ['.tsv', '.jsonl', '.csv']

const isManifest = (path: string): boolean =>
  manifestEndings.includes(extname(path).toLowerCase()) ||
  (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)

/** The recordings of a manifest, a few in memory at a time, whether it says how long they are or not. */
const ofManifest = async (
  manifest: Manifest,
  sampleRate: number,
  context: PluginCommandContext,
): Promise<NamedWaveforms> => {
  const folder = dirname(manifest.file)
  const name = (index: number): string => {
    const { path, offset } = manifest.clip(index)
    const within = relative(folder, path)
    const shown = within.startsWith('..') || isAbsolute(within) ? path : within
    return offset === undefined ? shown : `${shown}#${offset}`
  }
  if (manifest.columns.includes('samples')) {
    return { ...(await openWholeDataset(manifest, { sampleRate, part: 'of the' }, context)), name }
  }
  const load = (index: number) => {
    const { path, offset, bytes } = manifest.clip(index)
    return decodeClip({
      file: path,
      sampleRate,
      ...(offset === undefined ? {} : { offset }),
      ...(bytes === undefined ? {} : { bytes }),
    })
  }
  return { length: manifest.length, load, name }
}

const openWaveforms = async (
  paths: readonly string[],
  split: string | undefined,
  sampleRate: number,
  context: PluginCommandContext,
): Promise<NamedWaveforms> => {
  const [first] = paths
  if (paths.length === 1 && isManifest(context.path(first!))) {
    const manifest = await openManifest(context.path(first!), split === undefined ? {} : { split })
    return ofManifest(manifest, sampleRate, context)
  }
  return {
    length: paths.length,
    load: async (index) => (await readAudio(context.path(paths[index]!), { sampleRate })).samples,
    name: (index) => paths[index]!,
  }
}

interface LineOptions {
  readonly format: 'text' | 'jsonl'
  readonly deduplicate: boolean
  readonly durations: boolean
  /** Frames a second. */
  readonly frameRate: number
}

const lineOf = (name: string, units: Int32Array, { format, deduplicate, durations, frameRate }: LineOptions) => {
  const runs = deduplicate ? collapseUnits(units) : { units, durations: new Int32Array(units.length).fill(1) }
  const text =
    format === 'jsonl'
      ? JSON.stringify({
          name,
          units: [...runs.units],
          ...(durations ? { durations: [...runs.durations] } : {}),
          frameRate,
        })
      : [name, runs.units.join(' '), ...(durations ? [runs.durations.join(' ')] : [])].join('|')
  return { text: `${text}\n`, count: runs.units.length }
}

const wholeNumber = (name: string, value: unknown, least: number): number => {
  const number = Number(value)
  if (Number.isSafeInteger(number) && number >= least && String(value).trim() !== '') return number
  throw new ConfigError(`--${name} is ${String(value)}.`, {
    field: name,
    cure: `Give a whole number of at least ${least}.`,
  })
}

/** Writes a line for each recording as its units are found. @returns how many there were. */
const writeUnits = async (
  path: string,
  source: UnitSource,
  data: NamedWaveforms,
  options: LineOptions,
  { signal, progress }: PluginCommandContext,
): Promise<{ recordings: number; frames: number; units: number }> => {
  const totals = { recordings: 0, frames: 0, units: 0 }
  await mkdir(dirname(path), { recursive: true })
  await writeFileAtomic(path, async (handle) => {
    const found = extractUnits(source, data, {
      onProgress: (done, total) => progress('Recordings', done, total),
      ...(signal ? { signal } : {}),
    })
    for await (const { index, units } of found) {
      const { text, count } = lineOf(data.name(index), units, options)
      await handle.appendFile(text)
      totals.recordings++
      totals.frames += units.length
      totals.units += count
    }
  })
  return totals
}

/**
 * A package's `units` command: recordings to discrete units, by a layer of its model and a codebook.
 *
 * @param model What users type: `hubert`.
 */
export const unitsCommand = (
  model: string,
  loadFeatures: (directory: string, options: LayerOptions) => Promise<FeatureSource>,
): PluginCommand => ({
  name: 'units',
  summary: 'Turn recordings into discrete units: the cluster of each frame of a layer',
  options: [
    { flags: '--model <folder>', description: 'model, or run', required: true },
    { flags: '--codebook <file>', description: 'what "babble cluster train" wrote', required: true },
    { flags: '--data <paths...>', description: 'manifest, folder of a prepared corpus, or recordings', required: true },
    { flags: '--out <file>', description: 'where the units go', required: true },
    { flags: '--split <name>', description: 'part of the corpus (default: test, or all)' },
    { flags: '--layer <number>', description: 'that the codebook was learnt from (default: the last)' },
    { flags: '--deduplicate', description: 'a unit that lasts for several frames is written once' },
    { flags: '--durations', description: 'how many frames each unit lasts' },
    { flags: '--format <name>', description: 'text: name|units, a line for each recording; or jsonl', default: 'text' },
    { flags: '--batch <number>', description: 'recordings at a time', default: '8' },
  ],
  examples: [
    `babble ${model} units --model runs/first --layer 6 --codebook layer6.safetensors --data corpus --out units.txt`,
    `babble ${model} units --model runs/first --codebook last.safetensors --data a.wav b.wav --deduplicate --durations --format jsonl --out units.jsonl`,
  ],
  async run(options, context) {
    const { format } = options
    if (format !== 'text' && format !== 'jsonl') {
      throw new ConfigError(`--format is ${String(format)}.`, { field: 'format', cure: 'There are text and jsonl.' })
    }
    const layer = options.layer === undefined ? {} : { layer: wholeNumber('layer', options.layer, 0) }
    const batchSize = wholeNumber('batch', options.batch, 1)
    const out = context.path(String(options.out))
    const codebook = await Codebook.load(context.path(String(options.codebook)))
    await context.startEngine()
    const source = unitSource(await loadFeatures(String(options.model), { ...layer, batchSize }), codebook)
    const frameRate = source.sampleRate / source.hopSamples
    try {
      const split = options.split === undefined ? undefined : String(options.split)
      const data = await openWaveforms(options.data as readonly string[], split, source.sampleRate, context)
      try {
        const { deduplicate = false, durations = false } = options
        const line = { format, frameRate, deduplicate: deduplicate === true, durations: durations === true } as const
        const totals = await writeUnits(out, source, data, line, context)
        const words = line.deduplicate ? `${totals.units} units of ${totals.frames} frames` : `${totals.units} units`
        return {
          text: `${source.name}: ${totals.recordings} recordings, ${words}, ${frameRate} frames a second: ${out}\n`,
          json: { source: source.name, clusters: source.clusters, frameRate, ...totals, file: out },
        }
      } finally {
        await data.close?.()
      }
    } finally {
      source.dispose()
    }
  },
})
