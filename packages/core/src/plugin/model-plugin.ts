import type { z } from 'zod'
import type { Codebook } from '../cluster/index'
import type { Clip, Manifest } from '../data/index'
import type { FeatureFrames } from '../features/index'
import type { RecordingCardOptions } from '../report/index'
import type { ProgressListener, TrainerOptions } from '../train/index'
import type { DecodingOptions } from './ctc-decoding'
import type { Listener } from './open-dataset'
import type { RecipeLayer } from './recipe'
import type { TrainingSettings } from './training-settings'
import type { UnitSource } from './units'

/** The paper that a model package implements. */
export interface Paper {
  readonly title: string
  /** Such as `Baevski et al. 2020`. */
  readonly authors: string
  readonly url: string
}

/**
 * What a model package offers to the `babble` command, or to any program that trains models by name. A package declares it in its
 * `package.json` by `"babble": { "plugin": "./dist/plugin.js" }`; that module exports it as `plugin`.
 *
 * A plugin is a value: importing it changes nothing, and nothing is registered.
 */
export interface ModelPlugin {
  /** What users type: `wav2vec2`. Lower-case letters, digits and hyphens. */
  readonly name: string
  /** For people: `wav2vec 2.0`. */
  readonly title: string
  readonly paper: Paper
  /** Values of `--size`, with a line about each. */
  readonly sizes: Readonly<Record<string, string>>
  readonly pretrain?: TrainingTask
  readonly finetune?: TrainingTask
  /** Values of `model_type` in the `config.json` of the model directories that this package reads. */
  readonly modelTypes: readonly string[]
  /**
   * Opens a fine-tuned model directory for transcription.
   *
   * @throws CheckpointError when the directory holds no model that can transcribe.
   */
  loadRecognizer?(directory: string, options?: LoadModelOptions): Promise<SpeechRecognizer>
  /** Opens a model directory, fine-tuned or not, for the features of one of its layers. */
  loadFeatures?(directory: string, options?: LayerOptions): Promise<FeatureSource>
  /** Commands of the package's own: `babble <name> <command>`. */
  readonly commands?: readonly PluginCommand[]
}

/** A choice that decides over defaults, such as the size of the model: a key of the recipe with few values. */
export interface RecipeChoice {
  readonly values: readonly string[]
  /** Of the values; or a function of the choices that stand before it in the task. */
  readonly default: string | ((chosen: Readonly<Record<string, string>>) => string)
  /** One line for `--help`. */
  readonly description: string
}

/** A key of the recipe that also has an option of its own on the command line: `labels` is `--labels`. */
export interface RecipeOption {
  /** As it is written in help: `<file>`, or `<files...>` for a list. */
  readonly value: string
  readonly description: string
}

/**
 * A way to train: its recipe (the paper's settings, and which of them may differ) and how a run is built from one.
 *
 * A recipe is plain data that YAML can say. `R` is the whole, effective one.
 */
export interface TrainingTask<R extends TrainingSettings = TrainingSettings> {
  /** One line for `--help`. */
  readonly summary: string
  /** `model`: training starts from a pre-trained model directory. */
  readonly startsFrom: 'nothing' | 'model'
  /** Whether recordings need transcripts. */
  readonly needsText: boolean
  /** Keys of the recipe that decide over the defaults of the others; `size` is one. */
  readonly choices: Readonly<Record<string, RecipeChoice>>
  /** What a whole recipe may hold. Strict, so that a mistyped key is found; described, for `--print-recipe`. */
  readonly schema: z.ZodType<R>
  /** The paper's settings for a combination of choices. */
  defaults(choices: Readonly<Record<string, string>>): R
  /** Whole command lines, for `--help`. Default: such as hold for any task. */
  readonly examples?: readonly string[]
  /** Keys at the top of the recipe that users give often. */
  readonly options?: Readonly<Record<string, RecipeOption>>
  /** Paths of the files that the recipe names. A run remembers their content, to notice that it has changed. */
  files?(recipe: R): readonly string[]
  build(recipe: R, context: TrainingContext): Promise<TrainingJob>
}

/** What a run is built from, beside its recipe. */
export interface TrainingContext extends Listener {
  readonly train: Manifest
  /** Held-out recordings, for evaluation during training. */
  readonly valid?: Manifest
  /** The directory of the model that training starts from. */
  readonly from?: string
  readonly signal?: AbortSignal
  /** The absolute path of a file that the recipe names: relative ones start from the user's working folder. */
  path(path: string): string
}

/** A run that is ready to start: what a `Trainer` needs beside the settings that all runs share. */
export interface TrainingJob
  extends Pick<
    TrainerOptions,
    'model' | 'objective' | 'data' | 'optimizer' | 'schedule' | 'clipNorm' | 'parameterGroups' | 'monitors' | 'evaluate'
  > {
  /** Written into each checkpoint as `config.json`: in Hugging Face's form, so that a checkpoint is a model directory too. */
  readonly modelConfig: Readonly<Record<string, unknown>>
  /** Files that make a checkpoint usable, by name: the vocabulary, … They are written into the run's folder. */
  readonly files?: Readonly<Record<string, string>>
  /** Writes the trained model as a directory that `loadRecognizer` and `loadFeatures` read. */
  save(directory: string): Promise<void>
  /** Recordings for the run's report, with what the trained model makes of them. */
  samples?(): Promise<readonly RecordingCardOptions[]>
  /** Frees the model and what else the job holds. */
  dispose(): void
}

/** What a directory is loaded with. */
export interface LoadModelOptions {
  /** Utterances at a time. Default: the model's own. */
  readonly batchSize?: number
  /** How the text is searched for. Default: the best unit of each frame. */
  readonly decoding?: DecodingOptions
}

/** A word and where it was heard, in seconds from the recording's start. */
export interface TimedWord {
  readonly word: string
  readonly start: number
  readonly end: number
}

/** What was said in a recording. */
export interface SpeechTranscript {
  readonly text: string
  /** Log probability of the text as the search sees it: higher is surer. */
  readonly score: number
  readonly words: readonly TimedWord[]
  /** Other texts, the best first, where they were asked for. */
  readonly alternatives?: readonly { readonly text: string; readonly score: number }[]
}

/** A model that turns speech into text. */
export interface SpeechRecognizer {
  /** Hz of the waveforms that it takes. */
  readonly sampleRate: number
  /** Samples that an utterance must have. */
  readonly minSamples: number
  /** Utterances that are best given at a time. */
  readonly batchSize: number
  /** @param waveforms mono, at `sampleRate`. */
  transcribe(waveforms: readonly Float32Array[]): Promise<SpeechTranscript[]>
  dispose(): void
}

/** Which of a model's layers. */
export interface LayerOptions extends Pick<LoadModelOptions, 'batchSize'> {
  /** 0 is what the Transformer is given, n the output of its block n. Default: the last. */
  readonly layer?: number
  /**
   * Seconds of a recording that are worked on at once. Longer ones are cut there, as fairseq's dumps are, since attention takes memory by the square. Default 100.
   */
  readonly longestSeconds?: number
}

/** Turns waveforms into frames of features: a front end, or a model's layer. */
export interface FeatureSource {
  /** For people and for the dump's description: `mfcc`, `wav2vec2 layer 6`. */
  readonly name: string
  /** Hz of the waveforms that it takes. */
  readonly sampleRate: number
  /** Numbers of a frame. */
  readonly dim: number
  /** Samples from the start of one frame to the start of the next. */
  readonly hopSamples: number
  /** Samples that an utterance must have. */
  readonly minSamples: number
  readonly batchSize: number
  /** @param waveforms mono, at `sampleRate`. */
  extract(waveforms: readonly Float32Array[]): Promise<FeatureFrames[]>
  /**
   * The nearest centroid of each frame, found along with the features in one program; where it is absent, `unitSource` finds it of the
   * features. The result uses this source, and is freed before it.
   */
  units?(codebook: Codebook): Pick<UnitSource, 'label' | 'dispose'>
  dispose(): void
}

/** An option of a plugin's own command. */
export interface PluginOption {
  /** As it is written in help: `--layer <number>`, or `--fast` for one without a value. */
  readonly flags: string
  readonly description: string
  readonly default?: string
  readonly required?: boolean
}

/** A command of a package's own. It computes and returns; the caller prints. */
export interface PluginCommand {
  readonly name: string
  readonly summary: string
  readonly options: readonly PluginOption[]
  /** Whole command lines, for `--help`. */
  readonly examples: readonly string[]
  run(options: PluginCommandOptions, context: PluginCommandContext): Promise<PluginCommandResult>
}

/** What the user gave, by the names of the options in camelCase; a list for `--data <paths...>`. */
export type PluginCommandOptions = Readonly<Record<string, string | boolean | readonly string[]>>

export interface PluginCommandContext extends Listener {
  readonly signal?: AbortSignal
  /**
   * Starts the engine that the user chose. To be called before any tensor is made.
   *
   * @param needs What it must be able to do beyond a forward pass.
   * @returns what computes, in words.
   */
  startEngine(needs?: { readonly training?: boolean; readonly devices?: number }): Promise<{ description: string }>
  /** The absolute path of what the user names: relative ones start from the working folder. */
  path(path: string): string
  /** The recordings of a manifest or of a prepared corpus. */
  recordings(path: string): Promise<readonly Clip[]>
  /** The file's settings, as a layer of a recipe. @throws RecipeError for what is not YAML. */
  recipeFile(path: string): Promise<RecipeLayer>
  /** A setting as `--set` has it, `optimizer.learningRate=1e-3`. */
  setting(text: string): RecipeLayer
  /** Shows the progress of training. */
  readonly trainingProgress: ProgressListener
}

export interface PluginCommandResult {
  /** For people. */
  readonly text: string
  /** For scripts (`--json`). */
  readonly json: unknown
}
