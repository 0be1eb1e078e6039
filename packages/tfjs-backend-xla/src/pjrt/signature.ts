import { type ElementType, isElementType, type TensorSpec } from './element-type'
import { XlaError } from './errors'

/** Arguments of a program's `@main`: their types, and which of them give their memory to a result. */
export interface ProgramSignature {
  readonly inputs: readonly TensorSpec[]
  /** Indices of the arguments marked `tf.aliasing_output` or `jax.buffer_donor = true`. */
  readonly donated: readonly number[]
}

/**
 * Reads the argument list of `func.func @main(…)` from StableHLO text. XLA itself checks only the byte sizes of what
 * it is given, so this is what lets a call with an argument of the wrong type be refused.
 */
export function parseSignature(mlir: string): ProgramSignature {
  const start = /func\.func\s+(?:public\s+)?@main\s*\(/.exec(mlir)
  if (!start) throw new XlaError('The program has no function @main')
  const inputs: TensorSpec[] = []
  const donated: number[] = []
  for (const argument of splitArguments(mlir, start.index + start[0].length)) {
    const parsed = /^%[\w$.-]+\s*:\s*tensor<([^{"]*?)>\s*(?:\{|loc\(|$)/.exec(argument)
    if (!parsed) throw new XlaError(`Cannot read argument ${inputs.length} of @main: ${argument.slice(0, 120)}`)
    const attributes = argument.slice(parsed[0].length)
    if (/\btf\.aliasing_output\s*=/.test(attributes) || /\bjax\.buffer_donor\s*=\s*true/.test(attributes)) {
      donated.push(inputs.length)
    }
    inputs.push(parseTensorType(parsed[1]!))
  }
  return { inputs, donated }
}

/** Splits at the commas that are inside no bracket and no string, up to the parenthesis that closes the list. */
function splitArguments(text: string, from: number): string[] {
  const parts: string[] = []
  let depth = 0
  let begin = from
  for (let i = from; i < text.length; i++) {
    const char = text[i]!
    if (char === '"') {
      do i = text.indexOf('"', i + 1)
      while (i > 0 && text[i - 1] === '\\')
      if (i < 0) break
    } else if ('([{<'.includes(char)) {
      depth++
    } else if (depth > 0) {
      // The arrow of a function type closes nothing.
      if (')]}'.includes(char) || (char === '>' && text[i - 1] !== '-')) depth--
    } else if (char === ',' || char === ')') {
      const part = text.slice(begin, i).trim()
      if (part) parts.push(part)
      if (char === ')') return parts
      begin = i + 1
    }
  }
  throw new XlaError('The argument list of @main is not closed')
}

function parseTensorType(type: string): TensorSpec {
  const text = type.trim()
  const parsed = /^((?:\d+x)*)(\w+(?:<\w+>)?)$/.exec(text)
  const name = parsed && elementTypeOf(parsed[2]!)
  if (!parsed || !name) throw new XlaError(`tensor<${text}> is no type this runtime can pass`)
  return { type: name, dims: parsed[1]!.split('x').slice(0, -1).map(Number) }
}

function elementTypeOf(name: string): ElementType | undefined {
  if (name === 'complex<f32>') return 'c64'
  if (name === 'complex<f64>') return 'c128'
  const ours = name.replace(/^ui/, 'u')
  return isElementType(ours) ? ours : undefined
}
