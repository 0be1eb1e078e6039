import { ConfigError } from '../../errors'
import { HostRng } from '../../random/index'

export interface SplitOptions {
  /** Shares of the recordings: `{ valid: 0.05, test: 0.05 }`; the rest is `train`. */
  readonly splits: Readonly<Record<string, number>>
  /** What stays together. Default: `speaker` where all recordings have one and there are enough of them, else `utterance`. */
  readonly splitBy?: 'speaker' | 'utterance'
  readonly seed?: number
}

/**
 * Divides recordings at random, by seed and path or speaker. Each split gets whole groups until it has its share, at least one.
 *
 * @returns the split of each recording.
 * @throws ConfigError for shares that are none, or more splits than groups.
 */
export const divide = (
  clips: readonly { readonly path: string; readonly speaker?: string }[],
  { splits, splitBy, seed = 1 }: SplitOptions,
): string[] => {
  const names = Object.keys(splits)
  const total = Object.values(splits).reduce((sum, share) => sum + share, 0)
  if (names.includes('train') || total >= 1 || Object.values(splits).some((share) => !(share > 0))) {
    throw new ConfigError(`splits are ${JSON.stringify(splits)}.`, {
      field: 'splits',
      cure: 'Give shares above 0 that leave something for "train", such as { valid: 0.05 }.',
    })
  }
  const speakers = new Set(clips.map(({ speaker }) => speaker))
  const bySpeaker = splitBy
    ? splitBy === 'speaker'
    : !speakers.has(undefined) && speakers.size >= 4 * (names.length + 1)
  const groupOf = (clip: (typeof clips)[number]) => (bySpeaker ? (clip.speaker ?? '') : clip.path)
  const sizes = new Map<string, number>()
  for (const clip of clips) sizes.set(groupOf(clip), (sizes.get(groupOf(clip)) ?? 0) + 1)
  if (sizes.size <= names.length) {
    throw new ConfigError(
      `${sizes.size} ${bySpeaker ? 'speakers' : 'recordings'} cannot be divided into ${names.length + 1} splits.`,
      {
        field: 'splits',
      },
    )
  }
  // A group's place does not depend on the others: with more recordings most stay where they were.
  const place = (group: string) => new HostRng(seed, 'split', group).uniform()
  const order = [...sizes.keys()].map((group) => ({ group, place: place(group) })).sort((a, b) => a.place - b.place)
  const splitOf = new Map<string, string>()
  for (const name of names) {
    const wanted = splits[name]! * clips.length
    let taken = 0
    const left = names.length - names.indexOf(name)
    while (order.length > left && (taken === 0 || taken + sizes.get(order[0]!.group)! / 2 <= wanted)) {
      const { group } = order.shift()!
      splitOf.set(group, name)
      taken += sizes.get(group)!
    }
  }
  return clips.map((clip) => splitOf.get(groupOf(clip)) ?? 'train')
}
