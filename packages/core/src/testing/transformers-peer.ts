import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { fromFloat32, type HostTensor, readSafetensors, toFloat32, writeSafetensors } from '../checkpoint/index'
import type { Module } from '../nn/index'
import type { LoadReport, SavePretrainedOptions } from '../pretrained/index'
import { HostRng } from '../random/index'
import { CtcTokenizer, SpeechFeatureExtractor, SpeechProcessor } from '../speech/index'
import { expectClose, maxDifference } from './close'

/** A model of either side's class. */
export interface PeerModel extends Module {
  readonly loadReport: LoadReport
  forward(inputs: { inputValues: tf.Tensor; attentionMask: tf.Tensor }): object
  savePretrained(dir: string, options?: SavePretrainedOptions): Promise<void>
}

export interface PeerOptions {
  /** The class of Transformers' configurations: `HubertConfig`. */
  readonly config: string
  /** For each class of Transformers the output that is compared, under its name there: `last_hidden_state`. */
  readonly outputs: Readonly<Record<string, string>>
  /** Configurations that Transformers makes models of, by name. */
  readonly sizes: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Classes of ours that Transformers does not have, and the class that loads what they save. */
  readonly loadAs?: Readonly<Record<string, string>>
}

/** What Transformers says of a directory that we saved. */
export interface PeerReport {
  readonly missing: readonly string[]
  readonly unexpected: readonly string[]
  readonly mismatched: readonly string[]
  readonly dtype: string
  /** `id2label` and `label2id`. */
  readonly labels: readonly string[]
  readonly ids: Readonly<Record<string, number>> | null
  readonly processor?: { ids: number[]; text: string; pad: number; rate: number; mean: number }
}

/** A Python that has torch and transformers. */
const python = process.env.BABBLE_PYTHON

/** A small shape for models that Transformers makes. */
export const peerShape = {
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 32,
  conv_dim: [16, 16, 16],
  conv_kernel: [10, 3, 3],
  conv_stride: [5, 2, 2],
  num_conv_pos_embeddings: 8,
  num_conv_pos_embedding_groups: 2,
  vocab_size: 11,
}

/** The layouts in which Transformers saves, or saved, a model: suffixes of its directory. */
export const peerLayouts = ['', '-sharded', '-bin', '-bin-older', '-half'] as const

/** Hugging Face Transformers itself, for checkpoints both ways. */
export class TransformersPeer {
  static readonly available = python !== undefined
  /** What it says of the directories that we saved. */
  report: Readonly<Record<string, PeerReport>> = {}
  /** The outputs of models that were saved. */
  readonly ours = new Map<string, Float32Array>()
  /** A processor with a vocabulary of thirteen. */
  readonly processor: SpeechProcessor
  readonly #worst: string[] = []

  private constructor(
    readonly folder: string,
    readonly options: PeerOptions,
    readonly inputs: { inputValues: tf.Tensor; attentionMask: tf.Tensor },
  ) {
    const tokens = ['<pad>', '<s>', '</s>', '<unk>', '|', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']
    const tokenizer = new CtcTokenizer(new Map(tokens.map((token, id) => [token, id])))
    this.processor = new SpeechProcessor(new SpeechFeatureExtractor(), tokenizer)
  }

  /** Two waveforms, one of them padded. */
  static async open(options: PeerOptions): Promise<TransformersPeer> {
    const folder = await mkdtemp(join(tmpdir(), 'transformers-'))
    const rng = new HostRng(5)
    const [batch, samples] = [2, 4000]
    const values = Float32Array.from({ length: batch * samples }, () => rng.normal())
    const mask = Int32Array.from(values, (_, i) => (i < samples + 3100 ? 1 : 0))
    values.fill(0, samples + 3100)
    const attention: HostTensor = { dtype: 'I64', shape: [batch, samples], data: BigInt64Array.from(mask, BigInt) }
    await writeSafetensors(join(folder, 'inputs.safetensors'), [
      ['input_values', fromFloat32(values, [batch, samples])],
      ['attention_mask', attention],
    ])
    return new TransformersPeer(folder, options, {
      inputValues: tf.tensor(values, [batch, samples]),
      attentionMask: tf.tensor(mask, [batch, samples], 'int32'),
    })
  }

  /** Saves a model for Transformers to load, and keeps what it gives. */
  async save(name: string, model: PeerModel, options: SavePretrainedOptions = {}): Promise<void> {
    this.ours.set(name, this.output(model))
    await model.savePretrained(this.saved(name), options)
  }

  /** Where we saved a model. */
  saved(name: string): string {
    return join(this.folder, 'babble', name)
  }

  /** Where Transformers saved a model. */
  theirs(Class: string, size: string, layout = ''): string {
    return join(this.folder, 'transformers', `${Class}-${size}${layout}`)
  }

  /** What is compared of a model's output. */
  output(model: PeerModel): Float32Array {
    const { outputs, loadAs = {} } = this.options
    const { architecture } = model.constructor as unknown as { architecture: string }
    const theirs = outputs[loadAs[architecture] ?? architecture]!
    const name = theirs.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
    return tf.tidy(() => (model.forward(this.inputs) as Record<string, tf.Tensor>)[name]!.dataSync() as Float32Array)
  }

  /** Has Transformers load what was saved, and save models of its own. */
  async run(): Promise<void> {
    const { loadAs = {}, ...options } = this.options
    await writeFile(join(this.folder, 'peer.json'), JSON.stringify({ ...options, load_as: loadAs }))
    const script = fileURLToPath(new URL('./transformers-peer.py', import.meta.url))
    const { status, stderr } = spawnSync(python!, [script, this.folder], { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    this.report = JSON.parse(await readFile(join(this.folder, 'report.json'), 'utf8')) as Record<string, PeerReport>
  }

  /** Compares what Transformers' model gave that was loaded from `saved(name)`. */
  async compareSaved(name: string, values: ArrayLike<number>, relative: number): Promise<void> {
    await this.#compare(join(this.folder, `${name}.output.safetensors`), values, relative, name)
  }

  /** Compares what Transformers' model gave before it was saved. */
  async compareTheirs(Class: string, size: string, model: PeerModel, relative: number): Promise<void> {
    const file = `${this.theirs(Class, size)}.output.safetensors`
    await this.#compare(file, this.output(model), relative, `${Class} ${size}`)
  }

  async #compare(file: string, actual: ArrayLike<number>, relative: number, name: string): Promise<void> {
    const expected = toFloat32((await readSafetensors(file)).tensors.get('output')!)
    const { difference, magnitude } = maxDifference(actual, expected)
    this.#worst.push(`${(difference / magnitude).toExponential(1)} ${name}`)
    expectClose(actual, expected, { relative, name })
  }

  async close(): Promise<void> {
    if (process.env.BABBLE_REPORT_ERRORS) console.log(this.#worst.join('\n'))
    tf.dispose(this.inputs)
    await rm(this.folder, { recursive: true, force: true })
  }
}
