import { Buffer } from 'node:buffer'
import { encodeCompileOptions } from './compile-options'
import { ARGS, STRUCTS } from './layouts'
import { addressOf, Struct } from './native'

/** The arguments of one compilation and the memory they point to. */
export class CompileRequest {
  readonly args = new Struct(ARGS.Client_Compile)
  private readonly program = new Struct(STRUCTS.Program)
  /** Held, not used: the program and the options are read from here. */
  readonly memory: readonly Uint8Array[]

  constructor(client: bigint, mlir: string, compileOptions = encodeCompileOptions()) {
    const code = Buffer.from(mlir, 'utf8')
    const format = Buffer.from('mlir', 'utf8')
    this.memory = [code, format, compileOptions]
    this.program.set('code', addressOf(code))
    this.program.set('code_size', BigInt(code.byteLength))
    this.program.set('format', addressOf(format))
    this.program.set('format_size', BigInt(format.byteLength))
    this.args.set('client', client)
    this.args.set('program', this.program.address)
    this.args.set('compile_options', addressOf(compileOptions))
    this.args.set('compile_options_size', BigInt(compileOptions.byteLength))
  }
}
