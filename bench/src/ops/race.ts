import { Contestant, ContestantError, type Introduction, type Launch } from '../contestant'
import type { OpResult, OpTimes } from '../report/records'
import type { ContestantKey } from '../settings'
import { agree, callsForTurn, median, ratioOfRounds } from '../statistics'
import type { OpCase } from './case'
import type { OpAnswer, OpRequest } from './protocol'

export interface RaceOptions {
  readonly rounds: number
  /** About how long a contestant calls an op in a round. */
  readonly turnSeconds: number
  /** Seconds that a contestant has for compiling an op and calling it three times. */
  readonly patience: number
  /** A contestant whose call takes longer than this is timed by that one call. */
  readonly slowSeconds: number
  /** How far (relative) results may lie apart at least, whatever the op's own tolerance. */
  readonly leastTolerance: number
}

/** A contestant of the op benchmark; one that was ended for being late is started again for the next op. */
export class Runner {
  #contestant: Contestant | undefined
  #introduction: Introduction | undefined

  constructor(
    readonly key: ContestantKey,
    private readonly launch: Launch,
  ) {}

  /** @throws ContestantError when it cannot take part */
  async start(): Promise<Introduction> {
    const { contestant, introduction } = await Contestant.start<Introduction>(this.launch)
    this.#contestant = contestant
    this.#introduction = introduction
    return introduction
  }

  get name(): string {
    return this.#introduction?.name ?? this.launch.title
  }

  async ask<K extends OpRequest['do']>(request: OpRequest & { do: K }, patience: number): Promise<OpAnswer[K]> {
    if (!this.#contestant?.running) await this.start()
    return this.#contestant!.ask<OpAnswer[K]>(request, patience)
  }

  stop(): void {
    this.#contestant?.stop()
  }
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Lets all contestants run one op in turns. */
export const race = async (op: OpCase, runners: readonly Runner[], options: RaceOptions): Promise<OpResult> => {
  const { rounds, turnSeconds, patience, slowSeconds, leastTolerance } = options
  const missing: Partial<Record<ContestantKey, string>> = {}
  const prepared = new Map<ContestantKey, OpAnswer['prepare']>()
  for (const runner of runners) {
    try {
      prepared.set(runner.key, await runner.ask({ do: 'prepare', work: op.work }, patience))
    } catch (error) {
      if (!(error instanceof ContestantError)) throw error
      missing[runner.key] = message(error)
    }
  }
  const seconds = new Map<ContestantKey, number[][]>()
  for (let round = 0; round < rounds; round++) {
    // Who begins changes from round to round, so that a drift of the machine favours nobody.
    for (const runner of round % 2 === 0 ? runners : [...runners].reverse()) {
      const preparation = prepared.get(runner.key)
      if (!preparation || missing[runner.key]) continue
      const times = seconds.get(runner.key) ?? []
      seconds.set(runner.key, times)
      if (preparation.callSeconds > slowSeconds) {
        if (round === 0) times.push([preparation.callSeconds])
        continue
      }
      try {
        const calls = callsForTurn(preparation.callSeconds, turnSeconds)
        times.push([...(await runner.ask({ do: 'time', calls }, patience)).seconds])
      } catch (error) {
        if (!(error instanceof ContestantError)) throw error
        missing[runner.key] = message(error)
      }
    }
  }
  for (const runner of runners)
    if (prepared.has(runner.key) && !missing[runner.key]) await runner.ask({ do: 'release' }, patience)

  const ours = { rounds: seconds.get('ours'), checksums: prepared.get('ours')?.checksums }
  const times: Partial<Record<ContestantKey, OpTimes>> = {}
  for (const { key } of runners) {
    const mine = seconds.get(key)
    const preparation = prepared.get(key)
    if (!mine || !preparation || missing[key]) continue
    const ratio = key === 'ours' || !ours.rounds ? undefined : ratioOfRounds(mine, ours.rounds)
    times[key] = {
      prepareSeconds: preparation.prepareSeconds,
      medianSeconds: median(mine.flat()),
      rounds: mine,
      ...(ratio && { ratio }),
      ...(key !== 'ours' &&
        ours.checksums && {
          agrees: agree(preparation.checksums, ours.checksums, Math.max(op.tolerance, leastTolerance)),
        }),
    }
  }
  return {
    id: op.id,
    ...(op.flops !== undefined && { flops: op.flops }),
    bytes: op.bytes,
    times,
    missing,
  }
}
