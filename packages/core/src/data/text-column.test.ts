import { describe, expect, it } from 'vitest'
import { TextColumnBuilder } from './text-column'

describe('TextColumnBuilder', () => {
  it.each([true, false])('tells empty texts from rows without one (plain: %s)', (plain) => {
    const texts = ['', undefined, '', '', undefined, 'ÿ', '', undefined]
    const builder = new TextColumnBuilder(plain)
    for (const text of texts) builder.push(text)
    const column = builder.finish()
    expect(texts.map((_, row) => column.at(row))).toEqual(texts)
  })
})
