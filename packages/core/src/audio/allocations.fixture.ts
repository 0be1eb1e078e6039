/** What a piece of code allocated in buffers, in bytes. */
export interface Allocations {
  total: number
  largest: number
}

const arrays = [
  'ArrayBuffer',
  'Uint8Array',
  'Int16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
] as const
type Constructor = new (...args: unknown[]) => { byteLength: number }

/**
 * Counts the memory of all buffers and typed arrays that are made while `run` runs. The constructors are replaced for that time, so nothing
 * else may run beside it.
 */
export async function meterAllocations<Result>(run: () => Result | Promise<Result>) {
  const allocations: Allocations = { total: 0, largest: 0 }
  const count = <Made extends { byteLength: number }>(made: Made): Made => {
    allocations.total += made.byteLength
    allocations.largest = Math.max(allocations.largest, made.byteLength)
    return made
  }
  const scope = globalThis as unknown as Record<string, Constructor>
  const undo: (() => void)[] = []
  const replace = <Owner extends object>(owner: Owner, key: keyof Owner, value: Owner[keyof Owner]) => {
    const before = owner[key]
    undo.push(() => {
      owner[key] = before
    })
    owner[key] = value
  }
  for (const name of arrays) {
    const construct = (target: Constructor, args: unknown[]) => {
      const made = Reflect.construct(target, args) as { byteLength: number }
      // A view of memory that is there already takes none.
      return args[0] instanceof ArrayBuffer || args[0] instanceof SharedArrayBuffer ? made : count(made)
    }
    replace(scope, name, new Proxy(scope[name]!, { construct }))
  }
  const typed = Object.getPrototypeOf(Uint8Array.prototype) as { slice(from?: number, to?: number): Uint8Array }
  const { slice } = typed
  replace(typed, 'slice', function counted(this: Uint8Array, from?: number, to?: number) {
    return count(slice.call(this, from, to))
  })
  for (const name of ['alloc', 'allocUnsafe', 'concat'] as const) {
    const make = Buffer[name] as (...args: unknown[]) => Buffer
    replace(Buffer, name, ((...args: unknown[]) => count(make.apply(Buffer, args))) as never)
  }
  try {
    const result = await run()
    return { result, ...allocations }
  } finally {
    for (const restore of undo.reverse()) restore()
  }
}
