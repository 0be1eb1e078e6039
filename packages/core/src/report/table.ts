import { formatNumber } from './axis'
import { type Html, type HtmlValue, html } from './html'

export type TableCell = HtmlValue

export interface TableOptions {
  readonly columns: readonly string[]
  /** Rows of cells. Numbers are set flush right, with at most four significant digits; give a string to choose the digits. */
  readonly rows: readonly (readonly TableCell[])[]
  readonly caption?: string
  /** Columns (counted from 0) that are set flush right though they hold strings. */
  readonly numeric?: readonly number[]
}

/** A table; the first cell of each row is its header. */
export const table = ({ columns, rows, caption, numeric = [] }: TableOptions): Html => {
  const right = (column: number, cell?: TableCell) =>
    numeric.includes(column) || typeof cell === 'number' ? html` class="number"` : null
  const show = (cell: TableCell): HtmlValue => (typeof cell === 'number' ? formatNumber(cell) : cell)
  const head = columns.map((column, index) => html`<th scope="col"${right(index, rows[0]?.[index])}>${column}</th>`)
  const body = rows.map((row) => {
    const cells = row.map((cell, index) =>
      index === 0
        ? html`<th scope="row"${right(index, cell)}>${show(cell)}</th>`
        : html`<td${right(index, cell)}>${show(cell)}</td>`,
    )
    return html`<tr>${cells}</tr>`
  })
  return html`<div class="wide"><table>${caption ? html`<caption>${caption}</caption>` : null}<thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`
}
