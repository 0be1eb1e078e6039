import { ConfigError } from '../../errors'
import type { CtcDecoderOptions, CtcLanguageModel } from '../ctc-decoder'
import type { LexiconEntry } from '../lexicon'
import { WORD_START } from './speller'
import { type ScorerModel, WordScorer } from './word-scorer'
import { WordTrie } from './word-trie'

/** The code points of a text. */
const codePoints = (text: string): Int32Array => Int32Array.from(text, (letter) => letter.codePointAt(0)!)

/** A scorer of what a decoder's options ask for. With a lexicon words are spelled in tokens, otherwise in letters. */
export const buildScorer = (options: CtcDecoderOptions, delimiter: number): WordScorer => {
  const { labels, languageModel, lexicon } = options
  const pieces = delimiter < 0 && lexicon === undefined
  const startsWord = Uint8Array.from(labels, (label) => Number(pieces && label.startsWith(WORD_START)))
  const model = languageModel && scorerModel(languageModel, labels, delimiter, options.blankId ?? 0)
  const hot = [...new Set((options.hotWords ?? []).flatMap((words) => words.split(/\s+/)))].filter(
    (word) => word !== '',
  )
  const shared = {
    delimiter,
    startsWord,
    model,
    hotWordWeight: options.hotWordWeight ?? 10,
    unknownAfterDelimiter: options.conventions === 'pyctcdecode' && model?.unit === 'word' && lexicon === undefined,
  }
  if (lexicon) {
    checkLexicon(lexicon, options, delimiter)
    const hotEntries = hotEntriesOf(hot, lexicon)
    const hotSpellings = [...hotEntries].map((entry) => lexicon[entry]!.tokens)
    return new WordScorer({
      ...shared,
      symbols: labels.map((_, token) => [token]),
      words: trieOf(lexicon.map(({ tokens }) => tokens)),
      isClosed: true,
      modelIds: model && Int32Array.from(lexicon, ({ word }) => idIn(model, word)),
      hotWords: hot.length > 0 ? trieOf(hotSpellings) : undefined,
      hotEntries,
    })
  }
  return new WordScorer({
    ...shared,
    symbols: labels.map((label, token) => codePoints(startsWord[token] ? label.slice(WORD_START.length) : label)),
    words: model?.unit === 'word' ? knownWords(model) : undefined,
    isClosed: false,
    modelIds: undefined,
    hotWords: hot.length > 0 ? trieOf(hot.map(codePoints)) : undefined,
    hotEntries: new Set(),
  })
}

const scorerModel = (
  { model, unit = 'word', alpha = 0.5, beta = 1.5, unknownOffset = -10, boundaries = true }: CtcLanguageModel,
  labels: readonly string[],
  delimiter: number,
  blankId: number,
): ScorerModel => {
  for (const [field, value] of Object.entries({ alpha, beta, unknownOffset })) {
    if (!Number.isFinite(value)) throw new ConfigError(`${field} is ${value}.`, { field, cure: 'Use a finite number.' })
  }
  // A model of characters calls the space something else.
  const spaces = ['|', '<space>', WORD_START].filter((word) => model.has(word))
  const tokenIds = Int32Array.from(labels, (label, token) =>
    model.wordId(token === delimiter && !model.has(label) ? (spaces[0] ?? label) : label),
  )
  if (unit === 'token' && labels.every((label, token) => token === blankId || !model.has(label))) {
    throw new ConfigError('The language model knows none of the tokens.', {
      field: 'languageModel',
      cure: "A model of words needs unit: 'word'; one of tokens must be trained on these labels.",
    })
  }
  return { model, unit, alpha, beta, unknownOffset, boundaries, tokenIds }
}

const idIn = ({ model }: ScorerModel, word: string): number => (model.has(word) ? model.wordId(word) : -1)

const trieOf = (spellings: readonly ArrayLike<number>[]): WordTrie => {
  const trie = new WordTrie()
  spellings.forEach((spelling, word) => {
    trie.add(word, spelling)
  })
  return trie
}

/** The model's words by their letters, under the model's numbers. */
const knownWords = ({ model }: ScorerModel): WordTrie => {
  const trie = new WordTrie()
  for (let id = 0; id < model.vocabularySize; id++) {
    const word = model.word(id)
    if (!['<s>', '</s>', '<unk>', '<UNK>'].includes(word)) trie.add(id, codePoints(word))
  }
  return trie
}

const hotEntriesOf = (hot: readonly string[], lexicon: readonly LexiconEntry[]): Set<number> => {
  const missing = new Set(hot)
  const entries = new Set<number>()
  lexicon.forEach(({ word }, entry) => {
    if (!hot.includes(word)) return
    missing.delete(word)
    entries.add(entry)
  })
  if (missing.size > 0) {
    throw new ConfigError(`The hot words ${[...missing].join(', ')} are not in the lexicon.`, {
      field: 'hotWords',
      cure: 'Add them to the lexicon: no other words can be said.',
    })
  }
  return entries
}

const checkLexicon = (lexicon: readonly LexiconEntry[], options: CtcDecoderOptions, delimiter: number): void => {
  const { labels, blankId = 0 } = options
  if (lexicon.length === 0) throw new ConfigError('The lexicon is empty.', { field: 'lexicon' })
  for (const { word, tokens } of lexicon) {
    const wrong = tokens.find((token) => labels[token] === undefined || token === blankId || token === delimiter)
    if (tokens.length > 0 && wrong === undefined) continue
    throw new ConfigError(`"${word}" is spelled by ${tokens.length === 0 ? 'no tokens' : `token ${wrong}`}.`, {
      field: 'lexicon',
      cure: 'Spell it by tokens of the vocabulary other than the blank and the word delimiter.',
    })
  }
}
