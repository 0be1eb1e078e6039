import type { Monitor, StepMetrics, TrainingWarning } from '@babble/core'
import type { Wav2Vec2Config } from './config'

export interface CodebookCollapseMonitorOptions {
  /** Steps that each number is averaged over. Default 200. */
  readonly window?: number
  /** Steps of grace at the start, in which codes may be few. Default 1000. */
  readonly patience?: number
  /** Warn when fewer than this share of a codebook's entries are in use, on average over codebooks. Default 0.02, at least 1.5 entries. */
  readonly minimumUse?: number
  /** Steps of silence after a warning. Default 2000. */
  readonly silence?: number
}

const watched = ['codePerplexity', 'probPerplexity', 'contrastiveAccuracy', 'gradNorm'] as const
type Watched = (typeof watched)[number]

/**
 * Warns when pre-training goes the way it most often goes wrong: the quantiser comes to use a handful of codes, so that the
 * distractors equal the target and the task is empty; or the model never gets better than guessing.
 *
 * It reads the metrics of `Wav2Vec2PretrainingObjective`: the codes used (`codePerplexity`) and the codes that the quantiser would
 * choose on average (`probPerplexity`), both summed over codebooks, as exponentials of an entropy; the share of masked frames whose
 * target is found (`contrastiveAccuracy`), and `gradNorm`.
 */
export const codebookCollapseMonitor = (
  config: Pick<Wav2Vec2Config, 'numCodevectorGroups' | 'numCodevectorsPerGroup' | 'numNegatives'>,
  options: CodebookCollapseMonitorOptions = {},
): Monitor => {
  const { window = 200, patience = 1000, minimumUse = 0.02, silence = 2000 } = options
  const { numCodevectorGroups: groups, numCodevectorsPerGroup: entries, numNegatives } = config
  const fewest = Math.min(entries, Math.max(1.5, minimumUse * entries))
  const chance = 1 / (numNegatives + 1)
  let averages: Partial<Record<Watched, number>> = {}
  let observed = 0
  let silentUntil = 0

  const diagnose = (step: number): TrainingWarning[] => {
    const { codePerplexity, probPerplexity, contrastiveAccuracy, gradNorm } = averages
    const used = codePerplexity === undefined ? undefined : codePerplexity / groups
    const wanted = probPerplexity === undefined ? undefined : probPerplexity / groups
    const say = (message: string, cure: string): TrainingWarning[] => {
      silentUntil = step + silence
      return [{ monitor: 'codebook-collapse', step, message, cure }]
    }
    if (used !== undefined && used < fewest) {
      const choice = wanted === undefined ? '' : ` (its probabilities spread over ${wanted.toFixed(1)})`
      const accuracy = contrastiveAccuracy === undefined ? '' : `; accuracy is ${percent(contrastiveAccuracy)}`
      return say(
        `the codebooks have collapsed: ${used.toFixed(1)} of ${entries} entries are in use on average${choice}${accuracy}.`,
        wanted !== undefined && wanted > 4 * fewest
          ? 'The noise-free choice is wider than what is used: anneal the Gumbel temperature more slowly, or begin and end it higher.'
          : 'Go back to an earlier checkpoint and raise diversityLossWeight, lower the learning rate or lengthen the warm-up, ' +
              'scale the feature encoder down (featureGradMult 0.1), add featurePenaltyWeight 10, or use larger batches.',
      )
    }
    if (contrastiveAccuracy !== undefined && contrastiveAccuracy < 1.5 * chance) {
      const norm = gradNorm === undefined ? '' : `, gradient norm ${gradNorm.toPrecision(2)}`
      return say(
        `targets are found no better than by guessing: accuracy ${percent(contrastiveAccuracy)}${norm}, ${percent(chance)} by chance.`,
        gradNorm !== undefined && gradNorm < 1e-3
          ? 'Hardly any gradient arrives: raise the learning rate, and look whether the recordings are silent.'
          : 'Lower the learning rate or lengthen the warm-up; check that utterances are normalised and that masks are not empty.',
      )
    }
    return []
  }

  return {
    name: 'codebook-collapse',
    observe(step: number, metrics: StepMetrics): TrainingWarning[] {
      observed++
      for (const name of watched) {
        const value = metrics[name]
        if (value === undefined || !Number.isFinite(value)) continue
        const before = averages[name] ?? 0
        averages[name] = before + (value - before) / Math.min(observed, window)
      }
      return observed >= Math.max(patience, window) && step >= silentUntil ? diagnose(step) : []
    },
    state: () => ({ averages: { ...averages }, observed, silentUntil }),
    restore(state: unknown): void {
      const saved = (state ?? {}) as { averages?: typeof averages; observed?: number; silentUntil?: number }
      averages = { ...saved.averages }
      observed = saved.observed ?? 0
      silentUntil = saved.silentUntil ?? 0
    },
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
