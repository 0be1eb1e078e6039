import { describe, expect, it } from 'vitest'
import { normalizeTranscript } from './normalize-transcript'

describe('normalizeTranscript', () => {
  it('brings white space and Unicode to one form, and nothing else unasked', () => {
    expect(normalizeTranscript('  E\u0301t\u00e9,\t "NO"\n', {})).toBe('\u00c9t\u00e9, "NO"')
  })

  it('removes punctuation but keeps apostrophes within words', () => {
    const remove = (text: string) => normalizeTranscript(text, { punctuation: 'remove' })
    expect(remove('\u201cWell-known\u201d, he said: \u2018don\u2019t!\u2019 $5 \u2014 dogs\u2019')).toBe(
      "Well known he said don't 5 dogs",
    )
    expect(remove('?!')).toBe('')
  })

  it('changes case, removes accents and replaces whole words', () => {
    expect(normalizeTranscript('\u00c9COLE stra\u00dfe', { letterCase: 'lower', diacritics: 'remove' })).toBe(
      'ecole stra\u00dfe',
    )
    const replacements = { um: '', colour: 'color', 'uh huh': 'yes', a: 'a a', 'c++': 'c' }
    expect(normalizeTranscript('um um colours colour uh huh a a um c++', { replacements })).toBe(
      'colours color yes a a a a c',
    )
    expect(normalizeTranscript('$5', { replacements: { $5: '$&' } })).toBe('$&')
  })
})
