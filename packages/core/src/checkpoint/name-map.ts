/**
 * One rule of a map between two codes' names for the same parameters: what the name begins with, whole parts between dots, and what
 * takes its place. `*` is any one part, and stands for it again in the replacement. The rest of the name stays.
 */
export type NameRule = readonly [from: string, to: string]

/**
 * A map of parameter names by the first rule that fits; names that no rule fits stay as they are. For example
 * `['encoder.layers.*.fc1', 'encoder.layers.*.feed_forward.intermediate_dense']` takes `encoder.layers.3.fc1.bias` to
 * `encoder.layers.3.feed_forward.intermediate_dense.bias`.
 */
export function nameMap(rules: readonly NameRule[]): (name: string) => string {
  const split = rules.map(([from, to]) => [from.split('.'), to.split('.')] as const)
  return (name) => {
    const parts = name.split('.')
    for (const [from, to] of split) {
      if (from.length > parts.length || !from.every((part, i) => part === '*' || part === parts[i])) continue
      const wild = from.flatMap((part, i) => (part === '*' ? [parts[i]!] : []))
      const replaced = to.map((part) => (part === '*' ? wild.shift()! : part)).filter((part) => part !== '')
      return [...replaced, ...parts.slice(from.length)].join('.')
    }
    return name
  }
}
