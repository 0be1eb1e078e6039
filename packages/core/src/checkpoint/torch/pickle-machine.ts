import type { ByteInput } from './byte-source'
import { copyCost, cost, type MemoryBudget } from './memory-budget'
import { Op, refusedOpcodes } from './pickle-opcodes'
import { PickleGlobal, PickleRecord, type PickleValue } from './pickle-values'
import { TorchFileError, type TorchFileFault } from './torch-file-error'

/** What the machine asks of its surroundings; none of it may run what the file names. */
export interface PickleHost {
  readonly file: string
  readonly budget: MemoryBudget
  /** The name of a class or function. @throws TorchFileError for one that is not allowed. */
  findGlobal(module: string, name: string): PickleGlobal
  /** What a call of it would have given. @throws TorchFileError for a call that is not understood. */
  construct(global: PickleGlobal, args: PickleValue[]): PickleValue
  /** Gives an object its state. */
  build(object: PickleValue, state: PickleValue): void
  /** What a persistent id stands for. */
  persistent(id: PickleValue): PickleValue
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const longestNumber = 1024
const longestName = 4096

/**
 * Reads one pickle as data. The machine has no way to import or call anything: names become {@link PickleGlobal}s, and calls go to the
 * host's short list of things that PyTorch writes. It is a loop without recursion; every length is checked against what is left of the
 * input before anything is made, and all that is made is charged to the host's budget.
 *
 * @returns the value, and `input` stands after the pickle.
 * @throws TorchFileError
 */
export function unpickle(input: ByteInput, host: PickleHost): PickleValue {
  return new PickleMachine(input, host).run()
}

class PickleMachine {
  private readonly stack: PickleValue[] = []
  private readonly marks: number[] = []
  private readonly memo = new Map<number, PickleValue>()
  private opcodeAt = 0

  constructor(
    private readonly input: ByteInput,
    private readonly host: PickleHost,
  ) {}

  run(): PickleValue {
    for (;;) {
      this.opcodeAt = this.input.at
      const opcode = this.input.byte()
      if (opcode === Op.stop) return this.pop()
      this.execute(opcode)
    }
  }

  private execute(opcode: number): void {
    const { input } = this
    switch (opcode) {
      case Op.proto: {
        const protocol = input.byte()
        if (protocol > 5) this.fail(`protocol ${protocol} is not known`)
        return
      }
      case Op.frame:
        this.length8()
        return
      case Op.mark:
        this.host.budget.charge(cost.reference)
        this.marks.push(this.stack.length)
        return
      case Op.pop:
        // As in Python: a mark that lies on top is what goes.
        if (this.marks.at(-1) === this.stack.length && this.marks.length > 0) this.marks.pop()
        else this.pop()
        return
      case Op.popMark:
        this.toMark()
        return
      case Op.dup:
        this.push(this.top())
        return
      case Op.none:
        this.push(null)
        return
      case Op.newTrue:
        this.push(true)
        return
      case Op.newFalse:
        this.push(false)
        return
      case Op.binInt1:
        this.push(input.byte())
        return
      case Op.binInt2:
        this.push(this.number(2, (view) => view.getUint16(0, true)))
        return
      case Op.binInt:
        this.push(this.number(4, (view) => view.getInt32(0, true)))
        return
      case Op.binFloat:
        this.push(this.number(8, (view) => view.getFloat64(0, false)))
        return
      case Op.int:
      case Op.long:
        this.push(this.integerLine(opcode === Op.int))
        return
      case Op.float:
        this.push(this.floatLine())
        return
      case Op.long1:
        this.push(this.long(input.byte()))
        return
      case Op.long4:
        this.push(this.long(this.length4()))
        return
      case Op.shortBinString:
      case Op.shortBinUnicode:
        this.push(this.text(input.byte()))
        return
      case Op.binString:
      case Op.binUnicode:
        this.push(this.text(this.length4()))
        return
      case Op.binUnicode8:
        this.push(this.text(this.length8()))
        return
      case Op.shortBinBytes:
        this.push(this.bytes(input.byte()))
        return
      case Op.binBytes:
        this.push(this.bytes(this.length4()))
        return
      case Op.binBytes8:
      case Op.byteArray8:
        this.push(this.bytes(this.length8()))
        return
      default:
        this.executeContainer(opcode)
    }
  }

  private executeContainer(opcode: number): void {
    const { input } = this
    switch (opcode) {
      case Op.emptyList:
      case Op.emptyTuple:
        this.pushArray([])
        return
      case Op.list:
      case Op.tuple:
        this.pushArray(this.toMark())
        return
      case Op.tuple1:
      case Op.tuple2:
      case Op.tuple3:
        this.pushArray(this.popMany(opcode - Op.tuple1 + 1))
        return
      case Op.emptyDict:
        this.pushMap(new Map())
        return
      case Op.dict: {
        const items = this.toMark()
        this.pushMap(new Map())
        this.setAll(items)
        return
      }
      case Op.emptySet:
        this.pushMap(new Set())
        return
      case Op.frozenSet: {
        const items = this.toMark()
        this.pushMap(new Set())
        this.addAll(items)
        return
      }
      case Op.append:
        this.appendAll([this.pop()])
        return
      case Op.appends:
        this.appendAll(this.toMark())
        return
      case Op.addItems:
        this.addAll(this.toMark())
        return
      case Op.setItem:
        this.setAll(this.popMany(2))
        return
      case Op.setItems:
        this.setAll(this.toMark())
        return
      case Op.get:
        this.push(this.recall(Number(this.integerLine(false))))
        return
      case Op.binGet:
        this.push(this.recall(input.byte()))
        return
      case Op.longBinGet:
        this.push(this.recall(this.length4()))
        return
      case Op.put:
        this.remember(Number(this.integerLine(false)))
        return
      case Op.binPut:
        this.remember(input.byte())
        return
      case Op.longBinPut:
        this.remember(this.length4())
        return
      case Op.memoize:
        this.remember(this.memo.size)
        return
      case Op.global:
        this.pushGlobal(this.nameLine(), this.nameLine())
        return
      case Op.stackGlobal: {
        const [module, name] = this.popMany(2)
        if (typeof module !== 'string' || typeof name !== 'string') this.fail('a name is not text')
        this.pushGlobal(module, name)
        return
      }
      case Op.reduce:
      case Op.newObj: {
        const [callable, args] = this.popMany(2)
        this.construct(callable!, args!)
        return
      }
      case Op.newObjEx: {
        const [callable, args, named] = this.popMany(3)
        if (!(named instanceof Map) || named.size > 0)
          this.fail('an object is made with named arguments', 'bad-arguments')
        this.construct(callable!, args!)
        return
      }
      case Op.build: {
        const [object, state] = this.popMany(2)
        if (Array.isArray(state)) this.host.budget.charge(copyCost(state))
        this.host.build(object!, state!)
        this.push(object!)
        return
      }
      case Op.binPersId:
        this.push(this.host.persistent(this.pop()))
        return
      default: {
        const name = refusedOpcodes.get(opcode)
        const what = name === undefined ? `0x${opcode.toString(16)} is no instruction` : `${name} is not allowed`
        this.fail(what, 'bad-opcode')
      }
    }
  }

  private fail(what: string, fault: TorchFileFault = 'bad-pickle'): never {
    throw new TorchFileError(`At byte ${this.opcodeAt} of the pickle ${what}.`, fault, { file: this.host.file })
  }

  private push(value: PickleValue): void {
    this.host.budget.charge(cost.reference)
    this.stack.push(value)
  }

  private pushArray(items: PickleValue[]): void {
    this.host.budget.charge(cost.array + cost.reference * items.length)
    this.stack.push(items)
  }

  private pushMap(value: Map<PickleValue, PickleValue> | Set<PickleValue>): void {
    this.host.budget.charge(cost.map)
    this.stack.push(value)
  }

  private pushGlobal(module: string, name: string): void {
    this.host.budget.charge(cost.array)
    this.push(this.host.findGlobal(module, name))
  }

  /** How low the stack may be popped: what lies under a mark is out of reach. */
  private floor(): number {
    return this.marks.at(-1) ?? 0
  }

  private pop(): PickleValue {
    if (this.stack.length <= this.floor()) this.fail('the stack is empty')
    return this.stack.pop()!
  }

  private top(): PickleValue {
    if (this.stack.length <= this.floor()) this.fail('the stack is empty')
    return this.stack.at(-1)!
  }

  private popMany(count: number): PickleValue[] {
    if (this.stack.length - this.floor() < count) this.fail('the stack is empty')
    return this.stack.splice(this.stack.length - count)
  }

  private toMark(): PickleValue[] {
    const from = this.marks.pop()
    if (from === undefined) return this.fail('there is no mark')
    return this.stack.splice(from)
  }

  private appendAll(items: PickleValue[]): void {
    const list = this.top()
    const into = list instanceof PickleRecord ? list.items : list
    if (!Array.isArray(into)) this.fail('there is no list to append to')
    this.host.budget.charge(cost.reference * items.length)
    for (const item of items) into.push(item)
  }

  private addAll(items: PickleValue[]): void {
    const set = this.top()
    if (!(set instanceof Set)) this.fail('there is no set to add to')
    this.host.budget.charge(4 * cost.reference * items.length)
    for (const item of items) set.add(item)
  }

  private setAll(items: PickleValue[]): void {
    const dict = this.top()
    const into = dict instanceof PickleRecord ? dict.entries : dict
    if (!(into instanceof Map) || items.length % 2 !== 0) this.fail('there is no dict to put pairs into')
    this.host.budget.charge(2 * cost.reference * items.length)
    for (let i = 0; i < items.length; i += 2) into.set(items[i]!, items[i + 1]!)
  }

  private remember(index: number): void {
    this.host.budget.charge(cost.memo)
    this.memo.set(index, this.top())
  }

  private recall(index: number): PickleValue {
    const value = this.memo.get(index)
    if (value === undefined) return this.fail(`the memo has no entry ${index}`)
    return value
  }

  private construct(callable: PickleValue, args: PickleValue): void {
    if (!(callable instanceof PickleGlobal)) this.fail('something is called that is no name', 'bad-arguments')
    if (!Array.isArray(args)) this.fail('the arguments of a call are no tuple', 'bad-arguments')
    this.host.budget.charge(cost.record + copyCost(args))
    this.push(this.host.construct(callable, args))
  }

  private number(length: number, read: (view: DataView) => number): number {
    const bytes = this.input.take(length)
    return read(new DataView(bytes.buffer, bytes.byteOffset, length))
  }

  private length4(): number {
    return this.number(4, (view) => view.getUint32(0, true))
  }

  private length8(): number {
    const length = this.number(8, (view) => Number(view.getBigUint64(0, true)))
    if (length > this.input.remaining)
      this.fail(`${length} bytes are announced and ${this.input.remaining} are left`, 'truncated')
    return length
  }

  private text(length: number): string {
    const bytes = this.input.take(length)
    this.host.budget.charge(cost.text + 2 * length)
    try {
      return utf8.decode(bytes)
    } catch {
      return this.fail('text is not UTF-8')
    }
  }

  private bytes(length: number): Uint8Array {
    const bytes = this.input.take(length)
    this.host.budget.charge(cost.array + length)
    return bytes.slice()
  }

  private long(length: number): number | bigint {
    if (length > longestNumber) this.fail(`a number has ${length} bytes`)
    const bytes = this.input.take(length)
    if (length === 0) return 0
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).reverse()
    return narrow(BigInt.asIntN(8 * length, BigInt(`0x${hex.join('')}`)))
  }

  private integerLine(mayBeBoolean: boolean): number | bigint | boolean {
    const line = this.asciiLine(longestNumber)
    if (mayBeBoolean && (line === '00' || line === '01')) return line === '01'
    if (!/^[-+]?\d+L?$/.test(line)) this.fail(`${JSON.stringify(line.slice(0, 20))} is no whole number`)
    return narrow(BigInt(line.replace(/^\+|L$/g, '')))
  }

  private floatLine(): number {
    const line = this.asciiLine(longestNumber)
    const named = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY }[line]
    if (named !== undefined) return named
    if (!/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(line)) {
      this.fail(`${JSON.stringify(line.slice(0, 20))} is no number`)
    }
    return Number(line)
  }

  private nameLine(): string {
    return this.asciiLine(longestName)
  }

  private asciiLine(longest: number): string {
    const bytes = this.input.line(longest)
    this.host.budget.charge(cost.text + bytes.length)
    return String.fromCharCode(...bytes)
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
