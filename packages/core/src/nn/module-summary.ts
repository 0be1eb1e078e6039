import type { Module } from './module'

export interface SummaryOptions {
  /** Parts of a name that are shown; what lies deeper is added up. Default: all. */
  readonly depth?: number
}

interface SummaryRow {
  readonly name: string
  readonly shape: string
  readonly count: number
  readonly state: string
}

const rowsOf = (module: Module): SummaryRow[] => [
  ...[...module.namedParameters()].map(([name, { shape, size, trainable }]) => ({
    name,
    shape: `[${shape.join(', ')}]`,
    count: size,
    state: trainable ? 'trained' : 'frozen',
  })),
  ...[...module.namedBuffers()].map(([name, { shape, size }]) => ({
    name,
    shape: `[${shape.join(', ')}]`,
    count: size,
    state: 'buffer',
  })),
]

/** Rows whose names begin with the same `depth` parts as one, state by state. */
const collapse = (rows: readonly SummaryRow[], depth: number): SummaryRow[] => {
  const groups = new Map<string, SummaryRow[]>()
  for (const row of rows) {
    const prefix = row.name.split('.').slice(0, depth).join('.')
    const key = `${prefix}\n${row.state}`
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  return [...groups].map(([key, members]) =>
    members.length === 1
      ? members[0]!
      : {
          name: `${key.split('\n')[0]}.*`,
          shape: `${members.length} tensors`,
          count: members.reduce((sum, { count }) => sum + count, 0),
          state: members[0]!.state,
        },
  )
}

/** A table of a model's parameters and buffers: name, shape, how many numbers, and whether they are trained. */
export const moduleSummary = (module: Module, { depth = Number.POSITIVE_INFINITY }: SummaryOptions = {}): string => {
  const all = rowsOf(module)
  const number = (count: number) => count.toLocaleString('en-US')
  const cells = collapse(all, depth).map(({ name, shape, count, state }) => [name, shape, number(count), state])
  const titles = ['name', 'shape', 'numbers', '']
  const widths = titles.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]!.length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 2 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  const total = (state: string) => all.reduce((sum, row) => (row.state === state ? sum + row.count : sum), 0)
  const totals = ['trained', 'frozen', 'buffer'].map((state) => `${number(total(state))} ${state}`).join(', ')
  return [line(titles), ...cells.map(line), totals].join('\n')
}
