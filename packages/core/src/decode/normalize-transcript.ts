/** What is not to count as an error. All off by default. */
export interface TranscriptNormalization {
  /** Make everything lower or upper case. */
  readonly letterCase?: 'lower' | 'upper'
  /** Leave out punctuation and symbols; apostrophes within words ("don't") stay, in one form, and hyphens become spaces. */
  readonly punctuation?: 'remove'
  /** Leave out accents: "é" becomes "e". */
  readonly diacritics?: 'remove'
  /** Words or phrases to be replaced as a whole, after the rest: `{ colour: 'color' }`. An empty replacement leaves the word out. */
  readonly replacements?: Readonly<Record<string, string>>
}

/**
 * A text with everything made equal that is not to count as an error. Texts are brought to one form of Unicode (NFC) and white space
 * to single spaces in any case.
 */
export const normalizeTranscript = (text: string, options: TranscriptNormalization): string => {
  const { letterCase, punctuation, diacritics, replacements } = options
  let result = text.normalize(diacritics === 'remove' ? 'NFD' : 'NFC')
  if (diacritics === 'remove') result = result.replace(/\p{Mn}/gu, '').normalize('NFC')
  if (letterCase === 'lower') result = result.toLowerCase()
  if (letterCase === 'upper') result = result.toUpperCase()
  if (punctuation === 'remove') {
    result = result
      .replace(/(?<=[\p{L}\p{N}])[’‘ʼ'](?=[\p{L}\p{N}])/gu, '\u0000')
      .replace(/[\p{Pd}]/gu, ' ')
      .replace(/[\p{P}\p{S}]/gu, '')
      .replaceAll('\u0000', "'")
  }
  result = oneSpaced(result)
  for (const [from, to] of Object.entries(replacements ?? {})) {
    const words = new RegExp(`(?<=^| )${from.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}(?= |$)`, 'gu')
    result = oneSpaced(result.replace(words, () => to))
  }
  return result
}

const oneSpaced = (text: string): string => text.trim().replace(/\s+/g, ' ')
