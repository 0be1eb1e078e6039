import { ConfigError, DataError } from '../errors'

/** The fields of Hugging Face's `tokenizer_config.json`, in camelCase. */
export interface CtcTokenizerOptions {
  /**
   * What a text is made of: `letters` (and other tokens of the vocabulary, longest first), or whole `words`, which may be any units
   * with spaces between them, such as phonemes. Default `letters`.
   */
  readonly units?: 'letters' | 'words'
  /** The CTC blank. Default `<pad>`. */
  readonly padToken?: string
  /** Default `<unk>`. */
  readonly unkToken?: string
  /** Default `<s>` and `</s>`; they need not be in the vocabulary. */
  readonly bosToken?: string
  readonly eosToken?: string
  /** The letter that stands for a space; null: none. Default `|`. */
  readonly wordDelimiterToken?: string | null
  /** What the word delimiter becomes in decoded text. Default a space. */
  readonly replaceWordDelimiterChar?: string
  /** Take upper case for the vocabulary's case: texts are made upper case, and decoded texts lower case. Default false. */
  readonly doLowerCase?: boolean
}

/** A decoded word and where it was heard. */
export interface WordSpan {
  readonly word: string
  /** Its first frame, and the one after its last. */
  readonly startFrame: number
  readonly endFrame: number
}

export interface DecodeOptions {
  /** Leave out `<s>`, `</s>` and `<unk>`. Default false, as in Hugging Face. */
  readonly skipSpecialTokens?: boolean
  /** Whether repeated tokens are one, as in a CTC path; false for labels. Default true. */
  readonly groupTokens?: boolean
}

/** A run of frames with the same token. */
interface Run {
  readonly token: string
  readonly start: number
  readonly end: number
}

/**
 * Turns texts into CTC labels and CTC paths into texts, by a vocabulary of letters or of arbitrary units (Hugging Face's
 * `Wav2Vec2CTCTokenizer`).
 */
export class CtcTokenizer {
  /** Ids by token. */
  readonly vocab: ReadonlyMap<string, number>
  readonly units: 'letters' | 'words'
  readonly padToken: string
  readonly unkToken: string
  readonly bosToken: string
  readonly eosToken: string
  readonly wordDelimiterToken: string | null
  readonly replaceWordDelimiterChar: string
  readonly doLowerCase: boolean
  readonly #tokens = new Map<number, string>()
  readonly #longTokens: RegExp | undefined
  readonly #extra: Readonly<Record<string, unknown>>

  /** @throws ConfigError when two tokens share an id, or the blank is not in the vocabulary. */
  constructor(
    vocab: Readonly<Record<string, number>> | ReadonlyMap<string, number>,
    options: CtcTokenizerOptions = {},
    extra: Readonly<Record<string, unknown>> = {},
  ) {
    this.vocab = new Map(vocab instanceof Map ? vocab : Object.entries(vocab))
    this.units = options.units ?? 'letters'
    this.padToken = options.padToken ?? '<pad>'
    this.unkToken = options.unkToken ?? '<unk>'
    this.bosToken = options.bosToken ?? '<s>'
    this.eosToken = options.eosToken ?? '</s>'
    const delimiter = this.units === 'words' ? null : '|'
    this.wordDelimiterToken = options.wordDelimiterToken === undefined ? delimiter : options.wordDelimiterToken
    this.replaceWordDelimiterChar = options.replaceWordDelimiterChar ?? ' '
    this.doLowerCase = options.doLowerCase ?? false
    this.#extra = extra
    for (const [token, id] of this.vocab) {
      if (!Number.isInteger(id) || id < 0)
        throw new ConfigError(`token "${token}" has the id ${id}.`, { field: 'vocab' })
      const other = this.#tokens.get(id)
      if (other !== undefined)
        throw new ConfigError(`"${other}" and "${token}" share the id ${id}.`, { field: 'vocab' })
      this.#tokens.set(id, token)
    }
    if (!this.vocab.has(this.padToken)) {
      throw new ConfigError(`the blank "${this.padToken}" is not in the vocabulary.`, {
        field: 'padToken',
        cure: 'Add it, or name the token that is the blank.',
      })
    }
    const long = [...this.vocab.keys()].filter((token) => [...token].length > 1).sort((a, b) => b.length - a.length)
    if (long.length > 0) this.#longTokens = new RegExp(`\\s*(${long.map(escapeRegExp).join('|')})\\s*`, 'u')
  }

  /** A vocabulary of the units that occur in `texts`: the blank, `<unk>`, `|` where units are letters, then the units in order. */
  static fromTexts(texts: Iterable<string>, options: CtcTokenizerOptions = {}): CtcTokenizer {
    const { units = 'letters', padToken = '<pad>', unkToken = '<unk>', doLowerCase = false } = options
    const found = new Set<string>()
    for (const text of texts) {
      const cased = doLowerCase ? text.toUpperCase() : text
      for (const unit of units === 'words' ? cased.split(/\s+/) : cased.replace(/\s/g, '')) if (unit) found.add(unit)
    }
    const delimiter = units === 'words' ? null : (options.wordDelimiterToken ?? '|')
    const special = [padToken, unkToken, ...(delimiter === null ? [] : [delimiter])]
    const tokens = [...special, ...[...found].filter((unit) => !special.includes(unit)).sort()]
    return new CtcTokenizer(new Map(tokens.map((token, id) => [token, id])), options)
  }

  /**
   * @param vocab The contents of `vocab.json`; one vocabulary a language is allowed, `target_lang` then names one.
   * @param json The contents of `tokenizer_config.json`.
   */
  static fromJson(
    vocab: Readonly<Record<string, unknown>>,
    json: Readonly<Record<string, unknown>> = {},
    file?: string,
  ): CtcTokenizer {
    const language = json.target_lang
    const chosen = typeof language === 'string' ? vocab[language] : vocab
    const ids = Object.entries((chosen ?? {}) as Record<string, unknown>)
    if (ids.length === 0 || ids.some(([, id]) => typeof id !== 'number')) {
      throw new ConfigError('it does not map tokens to ids.', {
        file,
        field: 'vocab',
        cure: 'Give {"token": id, …}, or name one of several languages as target_lang in tokenizer_config.json.',
      })
    }
    const token = (key: string): string | undefined => {
      // Older directories hold a token as an object with its stripping rules.
      const value = json[key]
      const content = typeof value === 'object' && value !== null ? (value as Record<string, unknown>).content : value
      return typeof content === 'string' ? content : undefined
    }
    const delimiter = json.word_delimiter_token === null ? null : token('word_delimiter_token')
    const options: CtcTokenizerOptions = {
      units: json.units === 'words' ? 'words' : 'letters',
      ...definedOnly({
        padToken: token('pad_token'),
        unkToken: token('unk_token'),
        bosToken: token('bos_token'),
        eosToken: token('eos_token'),
        wordDelimiterToken: delimiter,
        replaceWordDelimiterChar: token('replace_word_delimiter_char'),
      }),
      doLowerCase: json.do_lower_case === true,
    }
    // The added tokens repeat the vocabulary, and target_lang has done its work.
    const { added_tokens_decoder: _added, target_lang: _language, ...extra } = json
    return new CtcTokenizer(new Map(ids as [string, number][]), options, extra)
  }

  /** The contents of `vocab.json`, by id. */
  vocabJson(): Record<string, number> {
    return Object.fromEntries([...this.vocab].sort(([, a], [, b]) => a - b))
  }

  /** The contents of `tokenizer_config.json`. */
  toJson(): Record<string, unknown> {
    return {
      ...this.#extra,
      bos_token: this.bosToken,
      do_lower_case: this.doLowerCase,
      eos_token: this.eosToken,
      pad_token: this.padToken,
      replace_word_delimiter_char: this.replaceWordDelimiterChar,
      tokenizer_class: 'Wav2Vec2CTCTokenizer',
      unk_token: this.unkToken,
      ...(this.units === 'words' ? { units: 'words' } : {}),
      word_delimiter_token: this.wordDelimiterToken,
    }
  }

  /** Units of the CTC head: one more than the highest id. */
  get vocabSize(): number {
    return Math.max(...this.#tokens.keys()) + 1
  }

  /** Id of the CTC blank. */
  get blankId(): number {
    return this.vocab.get(this.padToken)!
  }

  /**
   * Labels of a text. In a vocabulary of letters a space becomes the word delimiter, and tokens of several letters are taken first,
   * the longest one, without the spaces around them.
   *
   * @param options.unknown What a unit outside the vocabulary does: `error` (default), or becomes the unknown `token`, as in Hugging Face.
   * @throws DataError naming the units outside the vocabulary.
   */
  encode(text: string, options: { unknown?: 'error' | 'token'; file?: string } = {}): Int32Array {
    const { unknown = 'error', file } = options
    const unknownId = unknown === 'token' ? this.vocab.get(this.unkToken) : undefined
    const missing = new Set<string>()
    const labels = this.#split(text).map((unit) => {
      const id = this.vocab.get(unit) ?? unknownId
      if (id === undefined) missing.add(unit)
      return id ?? 0
    })
    if (missing.size > 0) {
      const units = [...missing].map((unit) => JSON.stringify(unit)).join(', ')
      throw new DataError(`${units} in the text ${JSON.stringify(text)} is outside the vocabulary.`, {
        file,
        field: 'text',
        cure: 'Add it to vocab.json (and a row to the CTC head), or clean the transcript.',
      })
    }
    return Int32Array.from(labels)
  }

  /** The text of a CTC path (ids frame by frame): repeats joined, blanks left out. Negative ids are padding. */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const tokens = this.#runs(ids, options).map(({ token }) => this.#written(token))
    const text = tokens.join(this.units === 'words' ? ' ' : '').trim()
    return this.doLowerCase ? text.toLowerCase() : text
  }

  /** The words of a CTC path with their frames, from the first frame of a word's first unit to the end of its last. */
  decodeWords(ids: ArrayLike<number>, options: DecodeOptions = {}): WordSpan[] {
    const words: { word: string; startFrame: number; endFrame: number }[] = []
    let open = false
    for (const { token, start, end } of this.#runs(ids, options)) {
      if (token === this.wordDelimiterToken) {
        open = false
        continue
      }
      const last = words.at(-1)
      if (open && last) {
        last.word += token
        last.endFrame = end
      } else words.push({ word: token, startFrame: start, endFrame: end })
      open = this.units === 'letters'
    }
    return this.doLowerCase ? words.map((span) => ({ ...span, word: span.word.toLowerCase() })) : words
  }

  #written(token: string): string {
    return token === this.wordDelimiterToken ? this.replaceWordDelimiterChar : token
  }

  #split(text: string): string[] {
    if (this.units === 'words') return (this.doLowerCase ? text.toUpperCase() : text).split(/\s+/).filter(Boolean)
    // Splitting by a pattern with one group gives what lies between the matches at even places, and the matches at odd ones.
    const parts = this.#longTokens ? text.split(this.#longTokens) : [text]
    return parts.flatMap((part, index) => {
      if (index % 2 === 1) return [part]
      const cased = this.doLowerCase ? part.toUpperCase() : part
      return [...(this.wordDelimiterToken === null ? cased : cased.replaceAll(' ', this.wordDelimiterToken))]
    })
  }

  #runs(ids: ArrayLike<number>, { skipSpecialTokens = false, groupTokens = true }: DecodeOptions): Run[] {
    const runs: { id: number; start: number; end: number }[] = []
    for (let frame = 0; frame < ids.length; frame++) {
      const id = ids[frame]!
      const last = runs.at(-1)
      if (groupTokens && last?.id === id) last.end = frame + 1
      else runs.push({ id, start: frame, end: frame + 1 })
    }
    const special = new Set([this.unkToken, this.bosToken, this.eosToken])
    return runs
      .filter(({ id }) => id >= 0 && id !== this.blankId)
      .map(({ id, start, end }) => ({ token: this.#tokens.get(id) ?? this.unkToken, start, end }))
      .filter(({ token }) => !(skipSpecialTokens && special.has(token)))
  }
}

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

const definedOnly = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
