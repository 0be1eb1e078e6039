import { parseArgs } from 'node:util'
import { ConfigError } from '@babble/core'

/** What all examples can be asked. */
export interface ExampleArguments {
  readonly help: boolean
  /** A folder of recordings to use in place of the public ones. */
  readonly data?: string
  /** Where checkpoints, models and the report go. */
  readonly out: string
  readonly seed: number
  /** A shortened run, for trying whether everything works. */
  readonly quick: boolean
  /** Put an earlier run aside and start anew. */
  readonly fresh: boolean
}

export interface ExampleOptions<Flag extends string, Text extends string> {
  /** Default of `--out`. */
  readonly out: string
  /** Switches that only this example has. */
  readonly flags?: readonly Flag[]
  /** Options with a value that only this example has. */
  readonly texts?: readonly Text[]
}

/** What stands on the command line of the options that all examples have. */
interface Given {
  readonly help?: boolean
  readonly data?: string
  readonly out: string
  readonly seed: string
  readonly quick?: boolean
  readonly fresh?: boolean
}

/**
 * Reads the command line of an example; `BABBLE_DATA` in the environment stands for `--data`.
 *
 * @throws ConfigError for options that do not exist or have values that cannot be used.
 */
export const parseExampleArguments = <Flag extends string = never, Text extends string = never>(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  { out, flags = [], texts = [] }: ExampleOptions<Flag, Text>,
): ExampleArguments & Readonly<Record<Flag, boolean>> & { readonly [Name in Text]?: string } => {
  const options = {
    help: { type: 'boolean', short: 'h' },
    data: { type: 'string' },
    out: { type: 'string', default: out },
    seed: { type: 'string', default: '1' },
    quick: { type: 'boolean' },
    fresh: { type: 'boolean' },
  } as const
  const own = Object.fromEntries([
    ...flags.map((flag) => [flag, { type: 'boolean' as const }] as const),
    ...texts.map((text) => [text, { type: 'string' as const }] as const),
  ])
  const parse = (): Given => {
    try {
      return parseArgs({ args: [...args], options: { ...own, ...options } }).values as Given
    } catch (cause) {
      const message = (cause as Error).message.split('\n')[0]!.split('. ')[0]!.replace(/\.$/, '')
      throw new ConfigError(`${message}.`, { cause, cure: 'See --help.' })
    }
  }
  const values = parse()
  const seed = Number(values.seed)
  if (!/^\d+$/.test(values.seed.trim()) || !Number.isSafeInteger(seed)) {
    throw new ConfigError(`--seed is "${values.seed}".`, {
      field: 'seed',
      cure: 'Give a whole number, such as --seed 7.',
    })
  }
  for (const name of ['out', 'data'] as const) {
    if (values[name] === '') throw new ConfigError(`--${name} is empty.`, { field: name, cure: 'Name a folder.' })
  }
  const data = values.data ?? (environment.BABBLE_DATA || undefined)
  const given: Readonly<Record<string, unknown>> = { ...values }
  const switches = Object.fromEntries(flags.map((flag) => [flag, given[flag] === true]))
  const named = Object.fromEntries(texts.flatMap((text) => (given[text] === undefined ? [] : [[text, given[text]]])))
  return {
    ...(switches as Record<Flag, boolean>),
    ...(named as { readonly [Name in Text]?: string }),
    help: values.help ?? false,
    ...(data === undefined ? {} : { data }),
    out: values.out,
    seed,
    quick: values.quick ?? false,
    fresh: values.fresh ?? false,
  }
}
