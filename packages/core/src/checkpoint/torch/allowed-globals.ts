import type { SafetensorsDtype } from '../host-tensor'

/** PyTorch's storage classes and what they hold. */
export const storageDtypes: ReadonlyMap<string, SafetensorsDtype> = new Map([
  ['FloatStorage', 'F32'],
  ['DoubleStorage', 'F64'],
  ['HalfStorage', 'F16'],
  ['BFloat16Storage', 'BF16'],
  ['LongStorage', 'I64'],
  ['IntStorage', 'I32'],
  ['ShortStorage', 'I16'],
  ['CharStorage', 'I8'],
  ['ByteStorage', 'U8'],
  ['BoolStorage', 'BOOL'],
  ['UntypedStorage', 'U8'],
])

/** PyTorch's element types (`torch.float32`), by their names there. */
export const torchDtypes: ReadonlyMap<string, SafetensorsDtype> = new Map([
  ['float32', 'F32'],
  ['float64', 'F64'],
  ['float16', 'F16'],
  ['bfloat16', 'BF16'],
  ['int64', 'I64'],
  ['int32', 'I32'],
  ['int16', 'I16'],
  ['int8', 'I8'],
  ['uint8', 'U8'],
  ['uint16', 'U16'],
  ['uint32', 'U32'],
  ['uint64', 'U64'],
  ['bool', 'BOOL'],
  ['float8_e4m3fn', 'F8_E4M3'],
  ['float8_e5m2', 'F8_E5M2'],
  ['float8_e8m0fnu', 'F8_E8M0'],
])

/** Names of Python 2, as older files and pickles of protocol 2 have them. */
const renamedModules: ReadonlyMap<string, string> = new Map([
  ['__builtin__', 'builtins'],
  ['copy_reg', 'copyreg'],
  ['numpy.core.multiarray', 'numpy._core.multiarray'],
  ['numpy.core.numeric', 'numpy._core.numeric'],
  ['torch.storage', 'torch'],
])

export const modernModule = (module: string): string => renamedModules.get(module) ?? module

const plainTypes =
  'bool bytearray bytes complex dict float frozenset int list object range set slice str tuple type NoneType long unicode'
const numpyTypes =
  'bool_ float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 ndarray dtype str_ bytes_'

/** What may be named, module by module; what a call of each gives is in `torch-constructors.ts`. */
const allowed: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    builtins: plainTypes,
    collections: 'OrderedDict defaultdict Counter deque',
    argparse: 'Namespace',
    copyreg: '_reconstructor',
    _codecs: 'encode',
    _operator: 'getitem',
    pathlib: 'Path PosixPath PurePosixPath WindowsPath PureWindowsPath',
    'numpy._core.multiarray': 'scalar _reconstruct',
    'numpy._core.numeric': '_frombuffer',
    numpy: numpyTypes,
    torch: ['Size', 'device', ...storageDtypes.keys(), ...torchDtypes.keys()].join(' '),
    'torch._utils':
      '_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state',
    'torch._tensor': '_rebuild_from_type_v2 Tensor',
    'torch.nn.parameter': 'Parameter',
    'torch.serialization': '_get_layout',
  }).map(([module, names]) => [module, new Set(names.split(' '))]),
)

/** Packages whose classes occur in fairseq's checkpoints as settings, enumerations and meters: they become inert records. */
const recordedPackages = /^(omegaconf|fairseq|fairseq_cli|hydra|typing)(\.[A-Za-z_]\w*)*$/

/** Whether a checkpoint may name it. Modules as by {@link modernModule}. */
export const isAllowedGlobal = (module: string, name: string): boolean =>
  (allowed.get(module)?.has(name) ?? false) || (recordedPackages.test(module) && /^[A-Za-z_][\w.]*$/.test(name))
