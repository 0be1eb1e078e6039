/** Lines of cells in columns of equal width, the first to the left and the others to the right, for a terminal. */
export const textTable = (lines: readonly (readonly string[])[]): string => {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => [...(line[column] ?? '')].length)))
  const pad = (cell: string, column: number): string => {
    const gap = ' '.repeat(widths[column]! - [...cell].length)
    return column === 0 ? cell + gap : gap + cell
  }
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n')
}

/** The same as Markdown. */
export const markdownTable = (lines: readonly (readonly string[])[]): string => {
  const [head, ...body] = lines
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  const rule = `| ${head!.map((_, column) => (column === 0 ? '---' : '---:')).join(' | ')} |`
  return [row(head!), rule, ...body.map(row)].join('\n')
}
