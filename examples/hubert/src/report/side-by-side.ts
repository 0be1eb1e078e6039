import { type Html, html } from '@babble/core'

/** Figures in a grid, in a section that also has blocks of the whole width. */
export const sideBySide = (figures: readonly Html[]): Html => html`<div class="grid">${figures}</div>`
