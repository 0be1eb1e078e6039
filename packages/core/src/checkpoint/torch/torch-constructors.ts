import { dtypeBytes, elementCount } from '../host-tensor'
import { torchDtypes } from './allowed-globals'
import { buildNumpy, numpyScalar, numpyTensor } from './numpy'
import {
  NumpyArray,
  NumpyDtype,
  PickleGlobal,
  PickleRecord,
  type PickleValue,
  TorchStorage,
  TorchTensor,
} from './pickle-values'
import { TorchFileError } from './torch-file-error'

const maxRank = 64

const fail = (
  what: string,
  file: string,
  fault: 'bad-arguments' | 'bad-tensor' | 'unsupported-tensor' = 'bad-arguments',
): never => {
  throw new TorchFileError(what, fault, { file })
}

const isCount = (value: PickleValue | undefined): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0
const areCounts = (value: PickleValue | undefined): value is number[] =>
  Array.isArray(value) && value.length <= maxRank && value.every(isCount)

/** A tensor on a storage, if all of it lies inside. */
const rebuildTensor = (args: readonly PickleValue[], file: string): TorchTensor => {
  const [storage, offset, shape, strides] = args
  if (!(storage instanceof TorchStorage) || !isCount(offset) || !areCounts(shape) || !areCounts(strides)) {
    return fail('A tensor is not made of a storage, an offset, sizes and strides.', file)
  }
  const dtypeName = args[6] instanceof PickleGlobal ? torchDtypes.get(args[6].name) : undefined
  return tensorOn(storage, dtypeName ?? storage.dtype, shape, strides, offset, file)
}

const tensorOn = (
  storage: TorchStorage,
  dtype: TorchStorage['dtype'],
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  file: string,
): TorchTensor => {
  const text = `A tensor of sizes [${shape}], strides [${strides}] and offset ${offset}`
  const count = elementCount(shape)
  // An element of the tensor may be wider than the storage's, which is then one of bytes.
  const width = dtypeBytes(dtype) / dtypeBytes(storage.dtype)
  const length = Math.floor(storage.length / width)
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset)
  const inside = count === 0 ? offset <= length : Number.isSafeInteger(last) && last < length
  if (shape.length !== strides.length || Number.isNaN(count) || !inside) {
    fail(`${text} reaches out of its storage of ${length} elements.`, file, 'bad-tensor')
  }
  return new TorchTensor(storage, dtype, [...shape], [...strides], offset)
}

type Constructor = (args: PickleValue[], file: string) => PickleValue

const pathOf = (args: readonly PickleValue[]) =>
  args
    .filter((part) => typeof part === 'string')
    .join('/')
    .replace('//', '/')

const parameter: Constructor = ([tensor], file) =>
  tensor instanceof TorchTensor ? tensor : fail('A parameter is not made of a tensor.', file)

const mapOf: Constructor = ([items], file) => {
  if (items === undefined) return new Map()
  if (items instanceof Map) return new Map(items)
  const isPair = (item: PickleValue): item is [PickleValue, PickleValue] => Array.isArray(item) && item.length === 2
  return Array.isArray(items) && items.every(isPair) ? new Map(items) : fail('A dict is not made of pairs.', file)
}

/** What a call of an allowed name gives. Names that are not here give inert records. */
const constructors: Readonly<Record<string, Constructor>> = {
  'torch._utils._rebuild_tensor': rebuildTensor,
  'torch._utils._rebuild_tensor_v2': (args, file) => rebuildTensor(args.slice(0, 4), file),
  'torch._utils._rebuild_tensor_v3': rebuildTensor,
  'torch._utils._rebuild_parameter': parameter,
  'torch._utils._rebuild_parameter_with_state': parameter,
  'torch._tensor._rebuild_from_type_v2': ([callable, , args], file) =>
    callable instanceof PickleGlobal && callable.module === 'torch._utils' && Array.isArray(args)
      ? construct(callable, args, file)
      : fail('A tensor of a class of its own is not made as PyTorch does.', file),
  'torch.Size': ([sizes], file) => (areCounts(sizes) ? sizes : fail('torch.Size is not made of sizes.', file)),
  'torch.device': ([name], file) => (typeof name === 'string' ? name : fail('A device has no name.', file)),
  'torch.serialization._get_layout': ([name]) => name ?? null,
  'collections.OrderedDict': mapOf,
  'collections.Counter': mapOf,
  'collections.defaultdict': ([, items], file) => mapOf(items === undefined ? [] : [items], file),
  'collections.deque': ([items = []], file) =>
    Array.isArray(items) ? [...items] : fail('A deque has no items.', file),
  'builtins.set': ([items = []], file) => (Array.isArray(items) ? new Set(items) : fail('A set has no items.', file)),
  'builtins.frozenset': ([items = []], file) =>
    Array.isArray(items) ? new Set(items) : fail('A set has no items.', file),
  'builtins.bytearray': ([bytes], file) =>
    bytes === undefined
      ? new Uint8Array(0)
      : bytes instanceof Uint8Array
        ? bytes
        : fail('A bytearray is not made of bytes.', file),
  'builtins.complex': (args) => args,
  'builtins.slice': (args) => args,
  'builtins.range': (args) => args,
  'builtins.type': ([value], file) =>
    value === null
      ? new PickleGlobal('builtins', 'NoneType')
      : fail('builtins.type is called with a value.', file, 'bad-arguments'),
  // Annotations such as Dict[str, Any].
  '_operator.getitem': ([of], file) =>
    of instanceof PickleGlobal && of.module === 'typing' ? of : fail('_operator.getitem is called on a value.', file),
  // Bytes in pickles of protocol 2.
  '_codecs.encode': ([text, encoding], file) => {
    if (typeof text !== 'string' || encoding !== 'latin1')
      return fail('_codecs.encode is not called with text and latin1.', file)
    return Uint8Array.from(text, (character) => character.charCodeAt(0))
  },
  'copyreg._reconstructor': ([type, base], file) =>
    type instanceof PickleGlobal && base instanceof PickleGlobal && base.path === 'builtins.object'
      ? construct(type, [], file)
      : fail('copyreg._reconstructor is not called with a class.', file),
  'pathlib.Path': pathOf,
  'pathlib.PosixPath': pathOf,
  'pathlib.PurePosixPath': pathOf,
  'pathlib.WindowsPath': pathOf,
  'pathlib.PureWindowsPath': pathOf,
  'numpy.dtype': ([code], file) =>
    typeof code === 'string' ? new NumpyDtype(code) : fail('A NumPy type has no name.', file),
  'numpy._core.multiarray._reconstruct': () => new NumpyArray(),
  'numpy._core.multiarray.scalar': (args, file) =>
    numpyScalar(args) ?? fail('A NumPy number is of a type that is not read.', file, 'unsupported-tensor'),
  'numpy._core.numeric._frombuffer': ([bytes, dtype, shape, order], file) => {
    const array = new NumpyArray()
    array.tensor = numpyTensor(dtype, shape, order === 'F', bytes)
    return array.tensor ? array : fail('A NumPy array is of a type that is not read.', file, 'unsupported-tensor')
  },
}

/** Modules whose names mean something to us, so that a call that is not understood is an error and not a record. */
const understood = /^(torch|numpy|builtins|copyreg|_codecs|_operator)\b/

/**
 * What a call of the named class or function would have given, as data.
 *
 * @param lenient whether a call that is not understood is kept as a record even where its name means something to us.
 */
export const construct = (global: PickleGlobal, args: PickleValue[], file: string, lenient = false): PickleValue => {
  const make = Object.hasOwn(constructors, global.path) ? constructors[global.path] : undefined
  if (make) return make(args, file)
  if (!lenient && understood.test(global.module) && global.path !== 'builtins.object') {
    fail(`${global.path} is called, which checkpoints have no use for.`, file)
  }
  return new PickleRecord(global, args)
}

/** Gives an object its state. */
export const build = (object: PickleValue, state: PickleValue, file: string): void => {
  if (object instanceof PickleRecord) object.state = state
  else if (object instanceof NumpyArray || object instanceof NumpyDtype) buildNumpy(object, state)
  else if (!(object instanceof Map || object instanceof TorchTensor)) {
    // Attributes of dicts (a state dict's `_metadata`) and of tensors are not needed.
    fail('State is given to a value that takes none.', file)
  }
}
