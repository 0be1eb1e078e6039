import * as tf from '@tensorflow/tfjs-core'
import { renameTensors, type TensorSource, toFloat32, toInt32 } from '../checkpoint/index'
import { CheckpointError } from '../errors'
import type { Module } from '../nn/index'

/** What became of a checkpoint's tensors that had no place in the model, or the other way round. */
export interface LoadReport {
  /** Parameters that the checkpoint lacks; they were initialised. */
  readonly missing: readonly string[]
  /** Tensors of the checkpoint that the model has no use for. */
  readonly ignored: readonly string[]
}

/** How a class takes checkpoints of its sister classes. Names are without the prefix of the base model. */
export interface CheckpointFit {
  /** What classes with heads call the base model, with a dot: `wav2vec2.`. It comes or goes as the class needs. */
  readonly basePrefix: string
  /** Prefixes of parameters that may be missing: they are initialised. */
  readonly initialised: readonly string[]
  /** Prefixes of a checkpoint's tensors that may be left over. */
  readonly ignored: readonly string[]
  /** What to do about a parameter of another shape, by the prefix of its name. */
  readonly cures?: Readonly<Record<string, string>>
}

/** PyTorch's names of weight norm, old and new; checkpoints have either. */
const weightNorm = [
  ['.weight_g', '.parametrizations.weight.original0'],
  ['.weight_v', '.parametrizations.weight.original1'],
] as const

/** The names under which a model may know a checkpoint's tensor. */
const variants = (name: string, basePrefix: string): string[] => {
  const spellings = [name]
  for (const [older, newer] of weightNorm) {
    if (name.endsWith(older)) spellings.push(name.slice(0, -older.length) + newer)
    if (name.endsWith(newer)) spellings.push(name.slice(0, -newer.length) + older)
  }
  if (basePrefix === '') return spellings
  return spellings.flatMap((text) => [
    text,
    text.startsWith(basePrefix) ? text.slice(basePrefix.length) : basePrefix + text,
  ])
}

const shapeText = (shape: readonly number[]) => `[${shape.join(', ')}]`

/** Names of both sides that do not fit, in the words of an error message; undefined if all is well. */
const misfit = (
  state: ReadonlyMap<string, tf.Variable>,
  source: TensorSource,
  missing: readonly string[],
  unexpected: readonly string[],
  cures: Readonly<Record<string, string>>,
  storedAs: (name: string) => readonly string[],
): { message: string; field: string; cure: string } | undefined => {
  const misshapen = [...state].flatMap(([name, { shape }]) =>
    storedAs(name).flatMap((stored) => {
      const found = source.entries.get(stored)!.shape
      return found.join() === shape.join()
        ? []
        : [{ name, text: `${stored} (${shapeText(found)}, not ${shapeText(shape)})` }]
    }),
  )
  const held = unexpected.map((name) => `${name} ${shapeText(source.entries.get(name)!.shape)}`)
  const problems = [
    missing.length > 0 ? `it lacks ${missing.join(', ')}` : '',
    unexpected.length > 0 ? `it holds ${held.join(', ')}, which the model has no place for` : '',
    misshapen.length > 0 ? `shapes differ: ${misshapen.map(({ text }) => text).join(', ')}` : '',
  ].filter(Boolean)
  if (problems.length === 0) return undefined
  const known = Object.entries(cures).find(([prefix]) => misshapen.some(({ name }) => name.startsWith(prefix)))
  return {
    message: `the checkpoint does not fit its configuration: ${problems.join('; ')}.`,
    field: missing[0] ?? unexpected[0] ?? misshapen[0]!.name,
    cure: known?.[1] ?? 'Check that config.json belongs to these weights.',
  }
}

const sameBytes = (a: Float32Array | Int32Array, b: Float32Array | Int32Array) =>
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength))

/**
 * Loads a checkpoint into a model's parameters and buffers, one tensor at a time, so that no more than one of them is held twice.
 * Numbers of any precision become float32. Parameters that may be missing keep their values.
 *
 * @throws CheckpointError, before anything is changed, that lists every tensor that is missing, left over or of another shape.
 */
export const loadTensors = async (model: Module, checkpoint: TensorSource, fit: CheckpointFit): Promise<LoadReport> => {
  const state = new Map([...model.namedParameters(), ...model.namedBuffers()])
  const aliases = model.aliases()
  const inModel = (name: string) =>
    variants(name, fit.basePrefix).find((variant) => state.has(variant) || aliases.has(variant)) ?? name
  const source = renameTensors(checkpoint, inModel)
  const has = (name: string) => source.entries.has(name)
  /** The names under which the checkpoint has a parameter of the model: its own, and those of modules that share it. */
  const storedAs = (name: string) => [
    ...(has(name) ? [name] : []),
    ...[...aliases].filter(([alias, first]) => first === name && has(alias)).map(([alias]) => alias),
  ]
  const bare = (name: string) => (name.startsWith(fit.basePrefix) ? name.slice(fit.basePrefix.length) : name)
  const may = (prefixes: readonly string[]) => (name: string) =>
    prefixes.some((prefix) => bare(name).startsWith(prefix))

  const unknown = [...source.entries.keys()].filter((name) => !state.has(name) && !aliases.has(name))
  const absent = [...state.keys()].filter((name) => storedAs(name).length === 0)
  const ignored = unknown.filter(may(fit.ignored))
  const initialised = absent.filter(may(fit.initialised))
  const missing = absent.filter((name) => !initialised.includes(name))
  const unexpected = unknown.filter((name) => !ignored.includes(name))
  const problem = misfit(state, source, missing, unexpected, fit.cures ?? {}, storedAs)
  if (problem) {
    throw new CheckpointError(problem.message, { file: checkpoint.path, field: problem.field, cure: problem.cure })
  }

  for (const [name, variable] of state) {
    const stored = storedAs(name)
    if (stored.length === 0) continue
    const read = async (from: string) => {
      const host = await source.read(from)
      return variable.dtype === 'int32' ? toInt32(host) : toFloat32(host)
    }
    const values = await read(stored[0]!)
    for (const alias of stored.slice(1)) {
      if (sameBytes(values, await read(alias))) continue
      throw new CheckpointError(`${alias} and ${stored[0]} differ, and are one tensor in the model.`, {
        file: checkpoint.path,
        field: alias,
        cure: 'Remove the one that is not wanted.',
      })
    }
    const tensor = tf.tensor(values, variable.shape, variable.dtype as 'float32' | 'int32')
    variable.assign(tensor)
    tensor.dispose()
  }
  return { missing: initialised, ignored }
}
