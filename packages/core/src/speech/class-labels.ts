import { ConfigError } from '../errors'

/** Names can be any number of a checkpoint's own, but no more than so many are made up. */
const mostNumbered = 100_000

/** Keys of `config.json` that say what a classifier's outputs mean. */
export const classLabelKeys: ReadonlySet<string> = new Set(['id2label', 'label2id', 'num_labels'])

/** Hugging Face's names for classes that have none: `LABEL_0`, `LABEL_1`, … */
export const numberedLabels = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, id) => `LABEL_${id}`)

/**
 * The names of classes in `config.json`. As in Hugging Face `id2label`, an object from numbers to names, decides; where it is absent `num_labels` does, and without
 * either there are two classes. `label2id` only says the same again.
 *
 * @returns undefined if the file says nothing of classes.
 * @throws ConfigError unless the numbers are 0, 1, 2, …
 */
export const readClassLabels = (json: Readonly<Record<string, unknown>>, file?: string): string[] | undefined => {
  const { id2label, num_labels: count } = json
  const refuse = (field: string, message: string, cure: string): never => {
    throw new ConfigError(message, { file, field, cure })
  }
  if (id2label === undefined || id2label === null) {
    if (count === undefined || count === null) return undefined
    if (!Number.isSafeInteger(count) || (count as number) < 1 || (count as number) > mostNumbered)
      return refuse('num_labels', `num_labels is ${JSON.stringify(count)}.`, `Make it 1 to ${mostNumbered}.`)
    return [...numberedLabels(count as number)]
  }
  const cure = 'Make it an object with the keys "0", "1", … and a name for each.'
  if (typeof id2label !== 'object' || Array.isArray(id2label)) return refuse('id2label', 'id2label is no object.', cure)
  const names = id2label as Readonly<Record<string, unknown>>
  const size = Object.keys(names).length
  if (size === 0) return refuse('id2label', 'id2label is empty.', cure)
  return Array.from({ length: size }, (_, id) => {
    const name = Object.hasOwn(names, id) ? names[id] : undefined
    if (typeof name === 'string' || typeof name === 'number') return String(name)
    return refuse(
      'id2label',
      name === undefined ? `id2label has ${size} names, but none for ${id}.` : `id2label has no text for ${id}.`,
      cure,
    )
  })
}

/** The names of classes as `config.json` has them. */
export const writeClassLabels = (labels: readonly string[]): Record<string, unknown> => ({
  id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
  label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
})

/**
 * The class of each name.
 *
 * @throws ConfigError if two classes have one name.
 */
export const classIds = (labels: readonly string[]): ReadonlyMap<string, number> => {
  const ids = new Map<string, number>()
  for (const [id, label] of labels.entries()) {
    if (ids.has(label)) {
      throw new ConfigError(`classes ${ids.get(label)} and ${id} are both "${label}".`, {
        field: 'id2label',
        cure: 'Give each class a name of its own, or give labels as numbers.',
      })
    }
    ids.set(label, id)
  }
  return ids
}
