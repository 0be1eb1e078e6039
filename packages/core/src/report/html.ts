/** Markup that is safe to put in a page: made by {@link html}, by {@link rawHtml}, or by a block of the report. */
export class Html {
  constructor(readonly markup: string) {}

  toString(): string {
    return this.markup
  }
}

/** What {@link html} accepts between its braces. Strings and numbers are escaped; nothing is drawn for null. */
export type HtmlValue = Html | string | number | null | undefined | readonly HtmlValue[]

const replacements: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Characters that XML and HTML forbid, or that would reorder the text around them. */
const isUnprintable = (code: number): boolean =>
  (code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) ||
  code === 0x7f ||
  (code >= 0x202a && code <= 0x202e) ||
  (code >= 0x2066 && code <= 0x2069)

/** Text made safe for element content and quoted attributes; characters that no page may hold become U+FFFD. */
export const escapeHtml = (text: string): string => {
  let escaped = ''
  for (const character of text) {
    escaped += isUnprintable(character.codePointAt(0)!) ? '\ufffd' : (replacements[character] ?? character)
  }
  return escaped
}

const render = (value: HtmlValue): string => {
  if (value === null || value === undefined) return ''
  if (value instanceof Html) return value.markup
  if (typeof value === 'string') return escapeHtml(value)
  if (typeof value === 'number') return escapeHtml(String(value))
  return value.map(render).join('')
}

/** Tagged template of markup: what stands in the template is kept as it is, every value put into it is escaped. */
export const html = (strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html =>
  new Html(strings.map((text, index) => text + (index < values.length ? render(values[index]) : '')).join(''))

/** Declares that a string is markup already. Only for markup that the caller made. */
export const rawHtml = (markup: string): Html => new Html(markup)
