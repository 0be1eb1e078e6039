import type { Node } from '../graph/graph'
import type { BinaryOp, Comparison, Hlo } from '../graph/hlo'
import { isFloat, isInteger } from '../graph/types'
import { elu, leakyRelu, relu, relu6 } from './activation'
import { defineXlaKernel } from './define'

const unaryOps: Record<string, string> = {
  Exp: 'stablehlo.exponential',
  Expm1: 'stablehlo.exponential_minus_one',
  Log: 'stablehlo.log',
  Log1p: 'stablehlo.log_plus_one',
  Sqrt: 'stablehlo.sqrt',
  Rsqrt: 'stablehlo.rsqrt',
  Sigmoid: 'stablehlo.logistic',
  Tanh: 'stablehlo.tanh',
  Sin: 'stablehlo.sine',
  Cos: 'stablehlo.cosine',
  Floor: 'stablehlo.floor',
  Ceil: 'stablehlo.ceil',
  Round: 'stablehlo.round_nearest_even',
  Abs: 'stablehlo.abs',
  Neg: 'stablehlo.negate',
  Erf: 'chlo.erf',
  Asin: 'chlo.asin',
  Acos: 'chlo.acos',
  Atan: 'chlo.atan',
  Sinh: 'chlo.sinh',
  Cosh: 'chlo.cosh',
  Asinh: 'chlo.asinh',
  Acosh: 'chlo.acosh',
  Atanh: 'chlo.atanh',
}

/** Ops that leave integers as they are. */
const integerIdentity = new Set(['Floor', 'Ceil', 'Round'])
const integerKept = new Set(['Abs', 'Neg'])

const float = (h: Hlo, x: Node): Node => h.convert(x, 'f32')

/** The common type of two operands, as TensorFlow.js upcasts: float32 over int32 over bool. */
export const unify = (h: Hlo, a: Node, b: Node): [Node, Node] => {
  const [x, y] = [a.type.element, b.type.element]
  if (x === y) return [a, b]
  const common = x === 'f32' || y === 'f32' ? 'f32' : 'i32'
  return [h.convert(a, common), h.convert(b, common)]
}

const floorDivide = (h: Hlo, a: Node, b: Node): Node => {
  if (!isInteger(a.type.element)) return h.unary('stablehlo.floor', h.div(a, b))
  const quotient = h.div(a, b)
  const remainder = h.binary('remainder', a, b)
  const zero = h.constant(0, a.type.element)
  const inexact = h.compare('NE', remainder, zero)
  const opposite = h.compare('NE', h.compare('LT', remainder, zero), h.compare('LT', b, zero))
  return h.sub(quotient, h.convert(h.binary('and', inexact, opposite), a.type.element))
}

/** Remainder with the divisor's sign, as TensorFlow.js has it. */
const floorMod = (h: Hlo, a: Node, b: Node): Node => {
  const remainder = h.binary('remainder', a, b)
  const zero = h.constant(0, a.type.element)
  const fix = h.binary(
    'and',
    h.compare('NE', remainder, zero),
    h.compare('NE', h.compare('LT', remainder, zero), h.compare('LT', b, zero)),
  )
  return h.select(fix, h.add(remainder, b), remainder)
}

const SELU_ALPHA = 1.7580993408473768
const SELU_SCALE = 1.0507009873554805

export const registerElementwise = (): void => {
  for (const [name, op] of Object.entries(unaryOps)) {
    defineXlaKernel(name, ({ h, inputs }) => {
      const x = inputs.x!
      if (isInteger(x.type.element) && integerIdentity.has(name)) return x
      return h.unary(op, isInteger(x.type.element) && integerKept.has(name) ? x : float(h, x))
    })
  }
  defineXlaKernel('Sign', ({ h, inputs }) => {
    const x = inputs.x!
    if (isInteger(x.type.element)) return h.unary('stablehlo.sign', x)
    // The sign of NaN is 0 in TensorFlow.js.
    const value = float(h, x)
    return h.select(h.compare('NE', value, value), h.constant(0), h.unary('stablehlo.sign', value))
  })
  defineXlaKernel('Square', ({ h, inputs }) => h.mul(inputs.x!, inputs.x!))
  defineXlaKernel('Reciprocal', ({ h, inputs }) => h.div(h.constant(1), float(h, inputs.x!)))
  // Near a pole the tangent's last digits hang on more of the angle's than float32 arithmetic keeps.
  defineXlaKernel('Tan', ({ h, inputs }) => h.convert(h.unary('chlo.tan', h.convert(inputs.x!, 'f64')), 'f32'))
  defineXlaKernel('Relu', ({ h, inputs }) => relu(h, inputs.x!))
  defineXlaKernel('Relu6', ({ h, inputs }) => relu6(h, inputs.x!))
  defineXlaKernel<{ alpha: number }>('LeakyRelu', ({ h, inputs, attrs }) =>
    leakyRelu(h, float(h, inputs.x!), h.constant(attrs.alpha)),
  )
  defineXlaKernel('Prelu', ({ h, inputs }) => leakyRelu(h, ...unify(h, inputs.x!, inputs.alpha!)))
  defineXlaKernel('Elu', ({ h, inputs }) => elu(h, inputs.x!))
  defineXlaKernel('EluGrad', ({ h, inputs }) => {
    const [dy, y] = [inputs.dy!, inputs.y!]
    return h.select(h.compare('GE', y, h.constant(0)), dy, h.mul(dy, h.add(y, h.constant(1))))
  })
  defineXlaKernel('Selu', ({ h, inputs }) => {
    const x = inputs.x!
    const negative = h.mul(h.constant(SELU_ALPHA), h.unary('stablehlo.exponential_minus_one', x))
    return h.select(h.compare('GE', x, h.constant(0)), h.mul(h.constant(SELU_SCALE), x), negative)
  })
  defineXlaKernel('Softplus', ({ h, inputs }) => {
    const x = inputs.x!
    const tail = h.unary('stablehlo.log_plus_one', h.exp(h.neg(h.unary('stablehlo.abs', x))))
    return h.add(h.max(x, h.constant(0)), tail)
  })
  defineXlaKernel<{ alpha: number }>('Step', ({ h, inputs, attrs }) => {
    const x = float(h, inputs.x!)
    const step = h.select(h.compare('GT', x, h.constant(0)), h.constant(1), h.constant(attrs.alpha ?? 0))
    return h.convert(h.select(h.compare('NE', x, x), x, step), inputs.x!.type.element)
  })
  defineXlaKernel<{ clipValueMin: number; clipValueMax: number }>('ClipByValue', ({ h, inputs, attrs }) => {
    const x = inputs.x!
    const [low, high] = [h.constant(attrs.clipValueMin, x.type.element), h.constant(attrs.clipValueMax, x.type.element)]
    return h.min(h.max(x, low), high)
  })
  defineXlaKernel('IsNan', ({ h, inputs }) => h.compare('NE', float(h, inputs.x!), float(h, inputs.x!)))
  defineXlaKernel('IsFinite', ({ h, inputs }) => h.unary('stablehlo.is_finite', float(h, inputs.x!), 'i1'))
  defineXlaKernel('IsInf', ({ h, inputs }) =>
    h.compare('EQ', h.unary('stablehlo.abs', float(h, inputs.x!)), h.constant(Number.POSITIVE_INFINITY)),
  )
  defineXlaKernel('LogicalNot', ({ h, inputs }) => h.unary('stablehlo.not', inputs.x!))

  const binaryOps: Record<string, BinaryOp> = {
    Add: 'add',
    Sub: 'subtract',
    Multiply: 'multiply',
    Pow: 'power',
    LogicalAnd: 'and',
    LogicalOr: 'or',
    BitwiseAnd: 'and',
    Atan2: 'atan2',
  }
  for (const [name, op] of Object.entries(binaryOps)) {
    defineXlaKernel(name, ({ h, inputs }) => {
      const [a, b] = unify(h, inputs.a!, inputs.b!)
      if (a.type.element === 'i1' && !name.startsWith('Logical')) {
        return h.binary(op, h.convert(a, 'i32'), h.convert(b, 'i32'))
      }
      return h.binary(op, a, b)
    })
  }
  for (const [name, op] of [
    ['Maximum', 'maximum'],
    ['Minimum', 'minimum'],
  ] as const) {
    defineXlaKernel(name, ({ h, inputs, device }) => {
      const [a, b] = unify(h, inputs.a!, inputs.b!)
      if (a.type.element === 'i1') return h.binary(op, h.convert(a, 'i32'), h.convert(b, 'i32'))
      const extreme = h.binary(op, a, b)
      // XLA's CPU compiler drops a NaN that is the second operand.
      return device === 'cpu' && isFloat(b.type.element) ? h.select(h.compare('NE', b, b), b, extreme) : extreme
    })
  }
  defineXlaKernel('RealDiv', ({ h, inputs }) => h.div(float(h, inputs.a!), float(h, inputs.b!)))
  defineXlaKernel('FloorDiv', ({ h, inputs }) => floorDivide(h, ...unify(h, inputs.a!, inputs.b!)))
  defineXlaKernel('Mod', ({ h, inputs }) => floorMod(h, ...unify(h, inputs.a!, inputs.b!)))
  defineXlaKernel('SquaredDifference', ({ h, inputs }) => {
    const difference = h.sub(...unify(h, inputs.a!, inputs.b!))
    return h.mul(difference, difference)
  })
  defineXlaKernel('AddN', ({ h, list }) => list.reduce((sum, x) => h.add(sum, x)))

  const comparisons: Record<string, Comparison> = {
    Equal: 'EQ',
    NotEqual: 'NE',
    Less: 'LT',
    LessEqual: 'LE',
    Greater: 'GT',
    GreaterEqual: 'GE',
  }
  for (const [name, direction] of Object.entries(comparisons)) {
    defineXlaKernel(name, ({ h, inputs }) => h.compare(direction, ...unify(h, inputs.a!, inputs.b!)))
  }
  defineXlaKernel('Select', ({ h, inputs }) => {
    const [t, e] = unify(h, inputs.t!, inputs.e!)
    const condition = inputs.condition!
    const [rank, of] = [t.type.shape.length, condition.type.shape.length]
    // A vector condition picks whole rows of higher-rank operands.
    const rows =
      of === 1 && rank > 1 ? h.reshape(condition, [condition.type.shape[0]!, ...Array(rank - 1).fill(1)]) : condition
    return h.select(rows, t, e)
  })
  defineXlaKernel<{ dtype: string }>('Cast', ({ h, inputs, attrs }) => {
    if (attrs.dtype === 'float32') return h.convert(inputs.x!, 'f32')
    if (attrs.dtype === 'int32') return h.convert(inputs.x!, 'i32')
    if (attrs.dtype === 'bool') return h.convert(inputs.x!, 'i1')
    throw new Error(`the xla backend cannot cast to ${attrs.dtype}.`)
  })
}
