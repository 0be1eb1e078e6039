import { type Html, type HtmlValue, html, rawHtml } from './html'

export interface ReportSection {
  readonly title: string
  /** One or two sentences under the title. */
  readonly note?: HtmlValue
  /** Charts, tables, recordings, paragraphs. */
  readonly blocks: readonly Html[]
  /** Set blocks side by side where the page is wide enough. Default false. */
  readonly grid?: boolean
}

export interface ReportOptions {
  readonly title: string
  /** One line under the title. */
  readonly subtitle?: HtmlValue
  readonly sections: readonly ReportSection[]
}

const styles = rawHtml(`
:root {
  color-scheme: light dark;
  --page: #fcfcfb; --text: #1d2128; --quiet: #5c6470; --line: #dfe2e6; --panel: #ffffff;
  --series-0: #2563b0; --series-1: #c2501f; --series-2: #2b8a57; --series-3: #8a4fb3; --series-4: #a37708; --series-5: #b4326b;
  --right: #1f7a46; --wrong: #b42b1c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --text: #e4e7eb; --quiet: #98a1ad; --line: #31373f; --panel: #1a1e23;
    --series-0: #72a9ee; --series-1: #f0905f; --series-2: #63c490; --series-3: #c195e3; --series-4: #dcb74a; --series-5: #ee82ae;
    --right: #63c490; --wrong: #f2877a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 1.2rem; margin: 44px 0 6px; padding-top: 14px; border-top: 1px solid var(--line); }
p { margin: 6px 0; max-width: 46em; }
.subtitle, .note { color: var(--quiet); }
.note { font-size: 0.875rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 20px; margin-top: 14px; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 14px; margin-top: 14px; }
figure { margin: 0; }
.chart, .recording { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 12px 14px; }
.chart figcaption { font-weight: 600; margin-bottom: 4px; }
.chart svg { display: block; width: 100%; height: auto; font: 12px system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .axis { stroke: var(--quiet); stroke-width: 1; }
svg .tick, svg .label { fill: var(--quiet); }
svg .line { fill: none; stroke: var(--colour); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .faint { stroke-width: 1; opacity: 0.28; }
svg .dot { fill: var(--colour); }
svg .bars { fill: var(--colour); }
svg .reference { stroke: var(--quiet); stroke-width: 1.5; stroke-dasharray: 3 4; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 6px 0 0; padding: 0; font-size: 0.875rem; color: var(--quiet); }
.legend b { color: var(--text); font-weight: 600; font-variant-numeric: tabular-nums; }
.key { display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 6px; vertical-align: middle; }
.wide { overflow-x: auto; margin: 12px 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 4px; }
th, td { text-align: left; font-weight: normal; padding: 5px 22px 5px 0; border-bottom: 1px solid var(--line); vertical-align: baseline; }
thead th { color: var(--quiet); font-size: 0.875rem; }
th.number, td.number { text-align: right; }
.recording figcaption { font-size: 0.8rem; color: var(--quiet); margin-bottom: 6px; overflow-wrap: anywhere; }
.picture { position: relative; height: 96px; }
.picture img { width: 100%; height: 100%; display: block; border-radius: 3px; }
.mark { position: absolute; top: 0; bottom: 0; padding-left: 3px; border-left: 1px solid rgb(255 255 255 / 75%); color: #fff; font-size: 0.75rem; line-height: 1.4; text-shadow: 0 0 3px #000, 0 0 3px #000; white-space: nowrap; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 10px; margin: 8px 0; font-size: 0.95rem; }
dt { color: var(--quiet); }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.right::after { content: " \\2713"; color: var(--right); }
.wrong { color: var(--wrong); }
.wrong::after { content: " \\2717"; }
audio { display: block; width: 100%; height: 32px; }
.big { display: flex; flex-wrap: wrap; gap: 14px 44px; margin: 20px 0 8px; }
.big div { display: flex; flex-direction: column; }
.big b { font-size: 2.1rem; line-height: 1.15; font-weight: 650; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.big span { color: var(--quiet); font-size: 0.9rem; max-width: 20em; }
@media print { body { background: #fff; } .chart, .recording { break-inside: avoid; } audio { display: none; } }
`)

/** A few numbers set large: a report's outcome. */
export const keyFigures = (figures: readonly { readonly value: string; readonly label: string }[]): Html =>
  html`<div class="big">${figures.map(({ value, label }) => html`<div><b>${value}</b><span>${label}</span></div>`)}</div>`

/** A paragraph of text. */
export const paragraph = (...text: readonly HtmlValue[]): Html => html`<p>${text}</p>`

/** Sets cards, such as those of recordings, in rows. */
export const cards = (items: readonly Html[]): Html => html`<div class="cards">${items}</div>`

/** A whole HTML page in one string. It needs no other file and runs no script; it follows the reader's light or dark setting. */
export const renderReport = ({ title, subtitle, sections }: ReportOptions): string => {
  const body = sections.map(
    ({ title: heading, note, blocks, grid }) =>
      html`<section><h2>${heading}</h2>${note === undefined ? null : html`<p class="subtitle">${note}</p>`}${
        grid ? html`<div class="grid">${blocks}</div>` : blocks
      }</section>\n`,
  )
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:">
<title>${title}</title>
<style>${styles}</style>
</head>
<body>
<main>
<header><h1>${title}</h1>${subtitle === undefined ? null : html`<p class="subtitle">${subtitle}</p>`}</header>
${body}</main>
</body>
</html>
`.markup
}
