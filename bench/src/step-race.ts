import type { Launch } from './contestant'
import { Contestant } from './contestant'
import type { Preparation, StepContestant, StepTiming } from './report/records'
import type { ContestantKey } from './settings'
import { median, ratioOfRounds } from './statistics'
import type { StepAnswer, StepIntroduction, StepRequest } from './step-protocol'

/** A contestant of the step benchmark, with what it has done so far. */
export class Trainee {
  readonly rounds: StepTiming[][] = []

  private constructor(
    readonly key: ContestantKey,
    readonly introduction: StepIntroduction,
    readonly preparation: Preparation,
    private readonly contestant: Contestant,
  ) {}

  /**
   * Starts the process and runs its first step.
   *
   * @throws ContestantError
   */
  static async start(key: ContestantKey, launch: Launch): Promise<Trainee> {
    const { contestant, introduction } = await Contestant.start<StepIntroduction>(launch)
    try {
      const preparation = await contestant.ask<StepAnswer['prepare']>({ do: 'prepare' } satisfies StepRequest)
      return new Trainee(key, introduction, preparation, contestant)
    } catch (error) {
      contestant.stop()
      throw error
    }
  }

  async run(count: number): Promise<readonly StepTiming[]> {
    return (await this.contestant.ask<StepAnswer['steps']>({ do: 'steps', count } satisfies StepRequest)).steps
  }

  stop(): void {
    this.contestant.stop()
  }
}

export const secondsOf = (timings: readonly StepTiming[]): number[] => timings.map(({ seconds }) => seconds)

/** What is written of a contestant, beside Babble on its own engine. */
export const summarise = (
  trainee: Trainee,
  ours: Trainee | undefined,
  cachedPreparation?: Preparation,
): StepContestant => {
  const { introduction, preparation, rounds } = trainee
  const peak = ({ rounds: all }: Trainee) => Math.max(...all.flat().map(({ peakRssBytes }) => peakRssBytes))
  const ratio = ours && ours !== trainee ? ratioOfRounds(rounds.map(secondsOf), ours.rounds.map(secondsOf)) : undefined
  return {
    name: introduction.name,
    parameters: introduction.parameters,
    preparation,
    ...(cachedPreparation && { cachedPreparation }),
    medianSeconds: median(secondsOf(rounds.flat())),
    peakRssBytes: peak(trainee),
    rounds,
    ...(ratio && { ratio }),
    ...(ours && ours !== trainee && { memoryRatio: peak(trainee) / peak(ours) }),
  }
}
