import { NumpyArray, NumpyDtype, PickleGlobal, PickleRecord, type PickleValue, TorchStorage } from './pickle-values'
import { TorchFileError } from './torch-file-error'

const deepest = 100
const mostValues = 1_000_000

/**
 * Plain objects and arrays of what a pickle holds: dicts and namespaces become objects without a prototype, omegaconf's containers
 * what they contain, enumeration members their values, other records their fields. Tensors stay as they are.
 *
 * @param file named in errors.
 * @throws TorchFileError for values that contain themselves, nest deeper than 100 levels, or repeat to more than a million.
 */
export const toPlain = (value: PickleValue, file?: string): unknown => {
  let count = 0
  const open = new Set<PickleValue>()
  const fail = (what: string): never => {
    throw new TorchFileError(`Its settings ${what}.`, 'bad-structure', { file })
  }

  const inside = <T>(container: PickleValue, convert: () => T): T => {
    if (open.has(container)) fail('contain themselves')
    if (open.size >= deepest) fail(`nest more than ${deepest} levels deep`)
    open.add(container)
    const result = convert()
    open.delete(container)
    return result
  }

  const objectOf = (map: ReadonlyMap<PickleValue, PickleValue>): Record<string, unknown> => {
    const out = Object.create(null) as Record<string, unknown>
    for (const [key, item] of map) {
      if (typeof key === 'object' && key !== null) {
        // Left out, but it took time.
        if (++count > mostValues) fail(`repeat to more than ${mostValues} values`)
        continue
      }
      out[String(key)] = plain(item)
    }
    return out
  }

  const recordOf = (record: PickleRecord): unknown => {
    if (record.type.module.startsWith('omegaconf')) {
      // `_parent` leads back to where we come from.
      const content = record.get('_content')
      if (content !== undefined) return plain(content)
      return plain(record.get('_val') ?? null)
    }
    if (record.state instanceof Map) return objectOf(record.state)
    if (record.entries.size > 0) return objectOf(record.entries)
    if (record.items.length > 0) return record.items.map(plain)
    return record.args.length === 1 ? plain(record.args[0]!) : record.args.map(plain)
  }

  const plain = (item: PickleValue): unknown => {
    if (++count > mostValues) fail(`repeat to more than ${mostValues} values`)
    if (item instanceof PickleGlobal) return item.path
    if (item instanceof NumpyArray) return item.tensor
    if (item instanceof NumpyDtype) return item.code
    if (item instanceof TorchStorage) return null
    if (Array.isArray(item)) return inside(item, () => item.map(plain))
    if (item instanceof Map) return inside(item, () => objectOf(item))
    if (item instanceof Set) return inside(item, () => [...item].map(plain))
    if (item instanceof PickleRecord) return inside(item, () => recordOf(item))
    return item
  }
  return plain(value)
}
