import type { StepChecks } from '../agreement'
import type { KMeansTask } from '../kmeans/protocol'
import type { Machine } from '../machine'
import type { OpCase } from '../ops/case'
import type { ContestantKey, Device, Precision } from '../settings'
import type { Specification } from '../specification'
import type { Ratio } from '../statistics'

/** What the files of `bench/results` have in common. */
interface RecordHead {
  /** ISO 8601, when the run ended. */
  readonly date: string
  /** Runs it again. */
  readonly command: string
  readonly machine: Machine
  readonly device: Device
  readonly precision: Precision
  readonly threads: number
  /** Contestants that could not take part, and why. */
  readonly absent: Readonly<Partial<Record<ContestantKey, string>>>
}

/** One contestant's times of one op. */
export interface OpTimes {
  /** First call: trace, compile, run. */
  readonly prepareSeconds: number
  readonly medianSeconds: number
  readonly rounds: readonly (readonly number[])[]
  /** Its time over Babble's: above 1 Babble is faster. */
  readonly ratio?: Ratio
  /** false: its result is another one than Babble's. */
  readonly agrees?: boolean
}

export interface OpResult extends Pick<OpCase, 'id' | 'flops' | 'bytes'> {
  readonly times: Readonly<Partial<Record<ContestantKey, OpTimes>>>
  /** Contestants without a time, and why. */
  readonly missing: Readonly<Partial<Record<ContestantKey, string>>>
}

/** A run of the op benchmark. */
export interface OpsRecord extends RecordHead {
  readonly kind: 'ops'
  /** Engines and versions. */
  readonly contestants: Readonly<Partial<Record<ContestantKey, string>>>
  readonly results: readonly OpResult[]
}

/** One training step: from a batch in memory until the loss is known and the parameters are updated. */
export interface StepTiming {
  readonly seconds: number
  /** Until the call came back and the host could go on, the device still computing. */
  readonly hostSeconds?: number
  readonly loss: number
  /** Norm of the whole gradient before clipping. */
  readonly gradNorm?: number
  /** Largest resident memory of the process so far. */
  readonly peakRssBytes: number
}

/** What happened before the steps that count. */
export interface Preparation {
  /** Recording the step as a program; engines that trace only. */
  readonly traceSeconds?: number
  /** Compiling it, or fetching it from the cache on disk. */
  readonly compileSeconds?: number
  /** The whole first step, those included. */
  readonly firstStepSeconds: number
}

export interface StepContestant {
  readonly name: string
  readonly parameters: number
  readonly preparation?: Preparation
  /** The same of a second process, which found the first one's programs on disk. */
  readonly cachedPreparation?: Preparation
  readonly medianSeconds: number
  readonly peakRssBytes: number
  readonly rounds: readonly (readonly StepTiming[])[]
  /** Its time over Babble's: above 1 Babble is faster. */
  readonly ratio?: Ratio
  /** Its peak memory over Babble's. */
  readonly memoryRatio?: number
}

/** A step without dropout, of contestants that began with the same parameters. */
export interface StepCheck {
  readonly loss: number
  /** Norm of the whole gradient before clipping. */
  readonly gradNorm: number
}

/** A run of the step benchmark. */
export interface StepRecord extends RecordHead {
  readonly kind: 'step'
  readonly specification: Specification
  readonly contestants: Readonly<Partial<Record<ContestantKey, StepContestant>>>
  /** The first steps of those that were compared, on the same batches. */
  readonly checks?: StepChecks
}

/** Both contestants' times of one task of the k-means benchmark. */
export interface KMeansTimes {
  readonly ours: KMeansSide
  readonly sklearn: KMeansSide
  /** scikit-learn's time over Babble's: above 1 Babble is faster. */
  readonly ratio: Ratio
  /** false: its new centroids are others than Babble's. */
  readonly agrees: boolean
}

export interface KMeansSide {
  readonly medianSeconds: number
  readonly seconds: readonly number[]
  readonly peakRssBytes: number
}

/** A run of the k-means benchmark. */
export interface KMeansRecord extends RecordHead {
  readonly kind: 'kmeans'
  readonly frames: number
  readonly dim: number
  readonly clusters: number
  readonly batchFrames: number
  /** Both held the frames in memory; else Babble streamed a file, and scikit-learn mapped it into memory. */
  readonly inMemory: boolean
  /** Engines and versions. */
  readonly contestants: { readonly ours: string; readonly sklearn: string }
  readonly results: readonly (KMeansTimes & { readonly task: KMeansTask })[]
}

export type ResultRecord = OpsRecord | StepRecord | KMeansRecord
